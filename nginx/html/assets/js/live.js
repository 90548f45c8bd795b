/*
 * Calls fn() every everyMs, never twice at once, until the signal aborts.  While the tab is hidden
 * it rests, and calls at once when it is shown again.  fn's own errors are fn's to show.
 */
export function repeat(fn, { everyMs, signal }) {
  let timer = null;
  let running = false;
  const due = () => document.visibilityState === 'visible' && !signal.aborted;
  const plan = () => {
    clearTimeout(timer);
    if (due()) timer = setTimeout(run, everyMs);
  };
  async function run() {
    if (running || !due()) return;
    running = true;
    try {
      await fn();
    } finally {
      running = false;
      plan();
    }
  }
  document.addEventListener('visibilitychange', run, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  plan();
}
