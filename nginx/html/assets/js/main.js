/*
 * The shell: who is signed in, the navigation, the language, and the page of the address.
 *
 * A page is pages/<name>.js with `export default {title, strings, render}`; title is a key of
 * strings.js ("page.jobs").  render(root, {path, id, query, session, signal, navigate}) fills root
 * and resolves when its first data is there (until then the page before stays, if it was the same
 * page with another query).  It may throw what api.js throws: the shell then shows the error and a
 * retry.  signal aborts when the page is left: give it to fetches, repeat() and listeners.
 * query is an object of texts.
 */
import { get, send } from './api.js';
import { h, replace } from './dom.js';
import { addStrings, language, setLanguage, t } from './i18n.js';
import { repeat } from './live.js';
import { loginForm } from './login.js';
import { followLinks, here, navigate } from './router.js';
import shellStrings from './strings.js';
import { button, errorBox, link, loading, pageHeader } from './ui.js';

const NAV = [
  ['nav.watch', ['system-health', 'alerts', 'incidents', 'jobs']],
  ['nav.act', ['pilot', 'upload', 'smoke']],
  ['nav.look_up', ['run-summary', 'audit-log', 'config']],
];
const PARENT = { alert: 'alerts', 'feedback-stats': 'system-health', incident: 'incidents', job: 'jobs' };
const ALERTS_MS = 30_000;

const app = document.getElementById('app');
const announcer = h('div', { class: 'visually-hidden', 'aria-live': 'polite' });
const loaded = new Set();
let session = null;
let former = null; // who was signed in last
let leaving = new AbortController(); // of the page shown
let shown = null; // its path
let address = null; // with its query
let firing = 0; // alerts
let watching = new AbortController(); // of what asks for them

function languageSwitch() {
  return h('div', { class: 'mz-language', role: 'group', 'aria-label': t('app.language') },
    [['en', 'English', 'EN'], ['tr', 'Türkçe', 'TR']].map(([code, name, short]) =>
      h('button', { type: 'button', class: 'btn btn-sm', lang: code, 'aria-label': name, 'aria-pressed': String(code === language()),
        on: { click: () => setLanguage(code) } }, short)));
}

function navigation(current) {
  return NAV.map(([group, names]) => [
    h('h2', null, t(group)),
    h('ul', null, names.map((name) => h('li', null,
      h('a', { href: `/admin/${name}`, 'aria-current': name === current ? 'page' : null },
        t(`page.${name}`), name === 'alerts' && firingCount()))))]);
}

function firingCount() {
  return h('span', { id: 'firing', class: 'mz-count', hidden: firing === 0, title: t('nav.firing', { n: firing }) },
    h('span', { 'aria-hidden': 'true' }, firing), h('span', { class: 'visually-hidden' }, ` (${t('nav.firing', { n: firing })})`));
}

/* Beside the menu's entry, wherever the operator is; for whom the pilot's alerts are none of theirs, nothing. */
async function watchAlerts() {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  firing = 0;
  if (session.tenant_id !== null && session.tenant_id !== session.pilot_tenant_id) return;
  const look = async () => {
    try {
      firing = (await get('/admin/alerts', { state: 'firing' }, { signal })).alerts.length;
      document.getElementById('firing')?.replaceWith(firingCount());
    } catch {
      // the page says what is wrong
    }
  };
  await look();
  repeat(look, { everyMs: ALERTS_MS, signal });
}

function header() {
  const menu = h('button', { type: 'button', class: 'btn mz-menu', 'data-bs-toggle': 'collapse', 'data-bs-target': '#nav',
    'aria-controls': 'nav', 'aria-expanded': 'false' }, h('span', { 'aria-hidden': 'true' }, '☰'), ' ', t('app.menu'));
  const role = session.role === 'viewer' ? `${t('role.viewer')}, ${t('app.read_only')}` : t(`role.${session.role}`);
  return h('header', { class: 'mz-header' },
    h('a', { class: 'mz-brand', href: '/admin/system-health' }, 'Mizan'),
    h('span', { class: `mz-environment mz-environment-${session.environment}` }, session.environment),
    h('span', { class: 'mz-who' }, t('app.signed_in', { name: session.name, role })),
    languageSwitch(), button(t('app.sign_out'), signOut, 'sm btn-outline-secondary'), menu);
}

function footer() {
  return h('footer', { class: 'mz-footer' },
    h('span', null, `${t('app.build')} `, h('code', null, session.build_id)),
    h('span', null, `${t('app.config')} `, h('code', null, session.config_hash)));
}

/* Everything but the page itself; returns the page's place. */
function drawShell(current) {
  const main = h('main', { id: 'main', tabindex: '-1' });
  replace(app,
    h('a', { class: 'mz-skip', href: '#main' }, t('app.skip')),
    header(),
    h('nav', { id: 'nav', class: 'mz-nav collapse', 'aria-label': t('app.nav') }, navigation(current)),
    main, footer());
  return main;
}

function showLogin(message) {
  leave();
  watching.abort();
  session = null;
  shown = null;
  document.title = t('login.title');
  const form = loginForm({ message, onSession: (answer) => {
    // Pages remember what they did, which is no business of the next operator's.
    if (former !== null && former !== answer.name) location.reload();
    else enter(answer);
  } });
  replace(app, h('div', { class: 'mz-login-page' }, languageSwitch(), h('main', { id: 'main' }, form)));
  form.querySelector('#login-key').focus();
}

function enter(answer) {
  session = answer;
  former = answer.name;
  watchAlerts();
  showPage();
}

async function signOut() {
  try {
    await send('DELETE', '/admin/session');
    showLogin(t('login.left'));
  } catch (error) {
    replace(document.getElementById('main'), pageHeader(t('app.sign_out')), errorBox(error, signOut));
  }
}

function leave() {
  leaving.abort();
  leaving = new AbortController();
}

async function loadPage(name) {
  const page = (await import(`./pages/${name}.js`)).default;
  if (!loaded.has(name)) addStrings(page.strings);
  loaded.add(name);
  return page;
}

/* The page of the address, in a shell of its own unless only the query is another. */
async function showPage() {
  const at = here();
  const same = shown === at.path;
  address = location.pathname + location.search;
  const focused = document.activeElement?.id;
  leave();
  const { signal } = leaving;
  const main = same ? document.getElementById('main') : drawShell(PARENT[at.name] ?? at.name);
  const root = h('div', { class: 'mz-page' });
  document.title = t('app.title', { page: t(`page.${at.name}`) });
  if (same) {
    main.setAttribute('aria-busy', 'true');
  } else {
    replace(main, root);
    replace(root, pageHeader(t(`page.${at.name}`)), loading());
    shown = at.path;
    arrive(main);
  }
  try {
    const page = await loadPage(at.name);
    await page.render(root, { ...at, session, signal, navigate });
  } catch (error) {
    if (signal.aborted) return;
    showError(root, at, error);
  }
  if (signal.aborted) return;
  main.removeAttribute('aria-busy');
  if (same) {
    replace(main, root);
    if (focused) document.getElementById(focused)?.focus();
  } else if (document.activeElement === document.body) {
    main.querySelector('h1')?.focus();
  }
}

function showError(root, at, error) {
  if (error.status === 401) return; // the login form is there already
  if (error.status === undefined) console.error(error);
  const missing = error.status === 404;
  replace(root, pageHeader(t(missing ? 'page.not-found' : `page.${at.name}`)),
    missing ? [h('p', null, t('not_found.text')), link('/admin/system-health', t('not_found.home'))] : errorBox(error, showPage));
}

/* A page change is heard and the keyboard starts at its heading. */
function arrive(main) {
  window.scrollTo(0, 0);
  main.querySelector('h1').focus({ preventScroll: true });
  replace(announcer, document.title);
}

/* The texts are made anew; who types is asked by the form, not by the page. */
function languageChanged() {
  document.documentElement.lang = language();
  shown = null;
  if (session) showPage();
  else showLogin(null);
}

async function start() {
  addStrings(shellStrings);
  document.documentElement.lang = language();
  document.body.append(announcer, h('div', { id: 'toasts', role: 'status', 'aria-live': 'polite' }));
  followLinks();
  window.addEventListener('mizan:navigate', showPage);
  // A link to a place within the page is no other page.
  window.addEventListener('popstate', () => session && location.pathname + location.search !== address && showPage());
  window.addEventListener('mizan:language', languageChanged);
  window.addEventListener('mizan:session-ended', () => session && showLogin(t('login.ended')));
  await openSession();
}

async function openSession() {
  replace(app, loading());
  try {
    enter(await get('/admin/session'));
  } catch (error) {
    if (error.status === 401) showLogin(null);
    else replace(app, h('main', { class: 'mz-login-page' }, errorBox(error, openSession)));
  }
}

start();
