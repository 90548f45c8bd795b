/* Asking for the operator's key.  It is sent once, for a cookie that no script can read, and kept nowhere. */
import { send } from './api.js';
import { h, replace } from './dom.js';
import { errorWords } from './errors.js';
import { t } from './i18n.js';

/* message: why one is asked, or null.  onSession(session): with the answer of POST /admin/session. */
export function loginForm({ message, onSession }) {
  const error = h('p', { id: 'login-error', class: 'mz-login-error', role: 'alert' });
  const key = h('input', { id: 'login-key', name: 'key', type: 'password', class: 'form-control', required: true,
    autocomplete: 'current-password', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'login-error' });
  const show = h('button', { type: 'button', class: 'btn btn-outline-secondary', 'aria-controls': 'login-key', 'aria-pressed': 'false' }, t('login.show'));
  const submit = h('button', { type: 'submit', class: 'btn btn-primary' }, t('login.submit'));
  show.addEventListener('click', () => {
    const visible = key.type === 'password';
    key.type = visible ? 'text' : 'password';
    show.setAttribute('aria-pressed', String(visible));
    replace(show, t(visible ? 'login.hide' : 'login.show'));
  });

  async function signIn(event) {
    event.preventDefault();
    submit.disabled = true;
    replace(submit, t('login.busy'));
    replace(error);
    try {
      onSession(await send('POST', '/admin/session', { key: key.value.trim() }));
    } catch (problem) {
      submit.disabled = false;
      replace(submit, t('login.submit'));
      replace(error, errorWords(problem));
      key.setAttribute('aria-invalid', 'true');
      key.select();
      key.focus();
    }
  }

  // A password manager needs a name to keep the key under.
  const name = h('input', { type: 'text', name: 'username', autocomplete: 'username', value: 'mizan', hidden: true });
  return h('form', { class: 'mz-login', on: { submit: signIn } },
    h('h1', { tabindex: '-1' }, t('login.title')),
    message && h('p', { class: 'mz-notice', role: 'status' }, message),
    h('p', null, t('login.intro')), name,
    h('label', { class: 'form-label', for: 'login-key' }, t('login.key')),
    h('div', { class: 'mz-login-key' }, key, show), error, submit);
}
