import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Problem, api } from "./api";
import { Console } from "./parts/console";
import { SignIn } from "./parts/signin";
import type { Session } from "./model";
import { Speech, firstLanguage, keepLanguage, speaker, type Language } from "./texts";
import { asProblem } from "./watch";
import "./style.css";

/** A one-time sign-in stands behind the # of the address, where no server or log sees it. */
function takeToken(): string | null {
  const found = /^#once=(.+)$/.exec(location.hash);
  if (!found?.[1]) return null;
  history.replaceState(null, "", location.pathname);
  return decodeURIComponent(found[1]);
}

const token = takeToken();

function App() {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [words, setWords] = useState<{ language: Language; of: Record<string, string> }>();
  const say = useMemo(
    () => speaker(language, words?.language === language ? words.of : {}),
    [language, words],
  );

  useEffect(() => {
    let retry: ReturnType<typeof setTimeout> | undefined;
    const learn = (): void => {
      api.catalogue(language).then(
        (of) => setWords({ language, of }),
        () => (retry = setTimeout(learn, 2_000)),
      );
    };
    learn();
    return () => clearTimeout(retry);
  }, [language]);

  useEffect(() => {
    document.documentElement.lang = language;
    keepLanguage(language);
  }, [language]);

  useEffect(() => {
    let retry: ReturnType<typeof setTimeout> | undefined;
    const enter = async (once: string | null): Promise<void> => {
      try {
        setSession(await (once === null ? api.session() : api.signInOnce(once)));
        setProblem(null);
      } catch (error) {
        const found = asProblem(error);
        // A used token may belong to a page that was loaded again: its session is still there.
        if (once !== null && found.status === 401) {
          await api.session().then(setSession, () => {
            setProblem(found);
            setSession(null);
          });
          return;
        }
        if (found.status === 401) {
          setSession(null);
          return;
        }
        setProblem(found);
        retry = setTimeout(() => void enter(once), 2_000);
      }
    };
    void enter(token);
    return () => clearTimeout(retry);
  }, []);

  return (
    <Speech.Provider value={say}>
      {session ? (
        <Console
          key={session.csrf_token}
          session={session}
          language={language}
          setLanguage={setLanguage}
          signedOut={() => setSession(null)}
        />
      ) : (
        <SignIn
          waiting={session === undefined}
          problem={problem}
          language={language}
          setLanguage={setLanguage}
          signedIn={(come) => {
            setProblem(null);
            setSession(come);
          }}
        />
      )}
    </Speech.Provider>
  );
}

const root = document.getElementById("console");
if (root) render(<App />, root);
