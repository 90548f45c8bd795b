/* Which page an address is, and going there without loading the shell anew. */
const PAGES = [
  [/^\/admin\/system-health$/, 'system-health'],
  [/^\/admin\/feedback-stats$/, 'feedback-stats'],
  [/^\/admin\/alerts$/, 'alerts'],
  [/^\/admin\/alerts\/([^/]+)$/, 'alert'],
  [/^\/admin\/incidents$/, 'incidents'],
  [/^\/admin\/incidents\/([^/]+)$/, 'incident'],
  [/^\/admin\/jobs$/, 'jobs'],
  [/^\/admin\/jobs\/([^/]+)$/, 'job'],
  [/^\/admin\/pilot$/, 'pilot'],
  [/^\/admin\/run-summary$/, 'run-summary'],
  [/^\/admin\/audit-log$/, 'audit-log'],
  [/^\/admin\/config$/, 'config'],
  [/^\/admin\/upload$/, 'upload'],
  [/^\/admin\/smoke$/, 'smoke'],
];

/* {name, path, id, query}: of the address now; name is `not-found` where there is no such page. */
export function here() {
  const path = location.pathname;
  const query = Object.fromEntries(new URLSearchParams(location.search));
  for (const [pattern, name] of PAGES) {
    const found = pattern.exec(path);
    if (found) return { name, path, id: found[1] ? decodeURIComponent(found[1]) : null, query };
  }
  return { name: 'not-found', path, id: null, query };
}

/* Tells the window by the event mizan:navigate.  replace: no new entry in the history. */
export function navigate(url, { replace = false } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  window.dispatchEvent(new Event('mizan:navigate'));
}

/* Clicks on links to our own pages become navigate(); what opens elsewhere or downloads does not. */
export function followLinks() {
  document.addEventListener('click', (event) => {
    const anchor = event.target.closest?.('a[href]');
    if (!anchor || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (anchor.target || anchor.hasAttribute('download')) return;
    const url = new URL(anchor.href);
    const ours = PAGES.some(([pattern]) => pattern.test(url.pathname));
    if (url.origin !== location.origin || url.hash || !ours || url.searchParams.has('format')) return;
    event.preventDefault();
    navigate(url.pathname + url.search);
  });
}
