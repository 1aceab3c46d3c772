import { useState } from "preact/hooks";
import { Problem, api } from "../api";
import type { Session } from "../model";
import { useSay, type Language, type Say } from "../texts";
import { asProblem } from "../watch";
import { Emblem, LanguageChoice } from "./small";

export function problemText(say: Say, problem: Problem): string {
  const key = `problem.${problem.code}`;
  // The service's own sentence serves where the console has none.
  return say.has(key) ? say(key) : problem.message;
}

interface Properties {
  waiting: boolean;
  problem: Problem | null;
  language: Language;
  setLanguage: (language: Language) => void;
  signedIn: (session: Session) => void;
}

export function SignIn({ waiting, problem, language, setLanguage, signedIn }: Properties) {
  const say = useSay();
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<Problem | null>(null);

  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setSending(true);
    setRefused(null);
    try {
      signedIn(await api.signIn(String(form.get("name")), String(form.get("password"))));
    } catch (error) {
      setRefused(asProblem(error));
    } finally {
      setSending(false);
    }
  };

  const shown = refused ?? problem;
  return (
    <main class="signin">
      <form onSubmit={(event) => void send(event)} aria-busy={waiting || sending}>
        <h1>
          <Emblem />
          {say("app.name")}
        </h1>
        {waiting ? (
          <p class="dim">{shown ? problemText(say, shown) : say("sign.wait")}</p>
        ) : (
          <>
            <label>
              {say("sign.name")}
              <input name="name" autocomplete="username" required autofocus maxLength={100} />
            </label>
            <label>
              {say("sign.password")}
              <input
                name="password"
                type="password"
                autocomplete="current-password"
                required
                maxLength={1000}
              />
            </label>
            <p class="refused" role="alert">
              {shown ? problemText(say, shown) : ""}
            </p>
            <button class="primary" disabled={sending}>
              {sending ? say("sign.wait") : say("sign.go")}
            </button>
          </>
        )}
        <LanguageChoice language={language} setLanguage={setLanguage} />
      </form>
    </main>
  );
}
