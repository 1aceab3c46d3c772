/** A short sound for a new alert, higher and twice for the graver ones. */

let context: AudioContext | null = null;

export function chime(severity: number): void {
  context ??= new AudioContext();
  const start = context.currentTime;
  for (let index = 0; index < (severity >= 3 ? 2 : 1); index++) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const at = start + index * 0.28;
    tone.frequency.value = 440 + 110 * severity;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.22, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.24);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }
}
