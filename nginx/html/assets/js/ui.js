/* The pieces that pages are made of.  Each returns a node to be put somewhere. */
import { urlWith } from './api.js';
import { counted } from './counted.js';
import { h, replace } from './dom.js';
import { errorWords } from './errors.js';
import { number } from './format.js';
import { t } from './i18n.js';
import { navigate } from './router.js';

let ids = 0;
const newId = (stem) => `${stem}-${(ids += 1)}`;

/* The page's one h1 (focus goes there when the page is opened), and what can be done on it. */
export function pageHeader(title, ...actions) {
  return h('div', { class: 'page-header' },
    h('h1', { tabindex: '-1' }, title),
    actions.length > 0 && h('div', { class: 'page-actions' }, actions));
}

/* A section with a heading of its own; title null: none. */
export function card(title, ...children) {
  const id = newId('card');
  return h('section', { class: 'mz-card', 'aria-labelledby': title ? id : null },
    title && h('h2', { id }, title), children);
}

const SYMBOLS = { ok: '✓', warn: '!', alarm: '✕', info: 'i', muted: '–' };

/* A word with a symbol, so that its colour says nothing that they do not.  kind: ok, warn, alarm, info, muted. */
export function badge(kind, text, symbol = SYMBOLS[kind]) {
  return h('span', { class: `mz-badge mz-${kind}` }, h('span', { class: 'mz-symbol', 'aria-hidden': 'true' }, symbol), text);
}

export function loading() {
  return h('div', { class: 'mz-state', role: 'status' },
    h('span', { class: 'spinner-border spinner-border-sm', 'aria-hidden': 'true' }), h('span', null, t('ui.loading')));
}

/* In the place of what there is none of; more: a hint or a link what to do then. */
export function empty(text, ...more) {
  return h('div', { class: 'mz-state' }, h('p', null, text), more);
}

/* What went wrong, for a person, with the trace id for the log; retry: called by the button. */
export function errorBox(error, retry) {
  const code = [error.code, error.traceId].filter(Boolean).join(' · ');
  return h('div', { class: 'mz-error', role: 'alert' },
    h('p', null, h('span', { class: 'mz-symbol', 'aria-hidden': 'true' }, '✕'), errorWords(error)),
    code && h('p', { class: 'mz-code' }, code),
    retry && button(t('ui.retry'), retry));
}

/*
 * A page whose head (its title, its filters) stays whatever comes of what they ask for: results() resolves
 * to the nodes below; a problem that it throws takes their place, so that a filter can be put right.
 */
export async function withResults(root, head, results) {
  const place = h('div', null, loading());
  replace(root, head, place);
  try {
    replace(place, await results());
  } catch (error) {
    if (error.status === undefined || error.status === 401) throw error;
    replace(place, errorBox(error, () => navigate(location.pathname + location.search, { replace: true })));
  }
}

/* kind: Bootstrap's (primary, outline-secondary, danger …). */
export function button(text, onClick, kind = 'outline-secondary', attributes = {}) {
  return h('button', { type: 'button', class: `btn btn-${kind}`, ...attributes, on: { click: onClick } }, text);
}

export function link(href, ...children) {
  return h('a', { href }, children);
}

/*
 * columns: [{title, cell: (row) => node or text, numeric, header, wide}]; header: the cell names its
 * row.  caption: said to screen readers; visibleCaption: shown as well.  On a phone each row is a
 * card and each cell carries its column's title.  rowAttributes(row): of the tr.
 */
export function table({ caption, visibleCaption = false, columns, rows, rowAttributes = () => null }) {
  const style = (column) => [column.numeric && 'numeric', column.wide && 'wide'].filter(Boolean).join(' ') || null;
  const cell = (column, row) => h(column.header ? 'th' : 'td',
    { class: style(column), scope: column.header ? 'row' : null, 'data-title': column.title, role: column.header ? 'rowheader' : 'cell' },
    h('div', null, column.cell(row)));
  // The roles hold where the phone's layout makes the table a list of blocks.
  return h('table', { class: 'mz-table', role: 'table' },
    h('caption', { class: visibleCaption ? null : 'visually-hidden' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
      columns.map((column) => h('th', { scope: 'col', role: 'columnheader', class: style(column) }, column.title)))),
    h('tbody', { role: 'rowgroup' },
      rows.map((row) => h('tr', { role: 'row', ...rowAttributes(row) }, columns.map((column) => cell(column, row))))));
}

/* Name and value side by side: [[name, value node or text], …]; null entries are skipped. */
export function facts(entries) {
  return h('dl', { class: 'mz-facts' },
    entries.filter(Boolean).map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))));
}

/* Links of a keyset-paged list at `path`: back to the first page, on to the next. */
export function pager({ path, query, nextCursor }) {
  if (!query.cursor && !nextCursor) return null;
  return h('nav', { class: 'mz-pager', 'aria-label': t('ui.pages') },
    query.cursor && h('a', { class: 'btn btn-outline-secondary', href: urlWith(path, { ...query, cursor: '' }) }, t('ui.first_page')),
    nextCursor && h('a', { class: 'btn btn-outline-secondary', href: urlWith(path, { ...query, cursor: nextCursor }), rel: 'next' }, t('ui.next_page')));
}

/*
 * fields: [{name, label, type: 'select'|'text'|'search'|'date'|'number'|'checkbox', options: [[value, text], …], placeholder,
 * min, max, attributes}]; query: what they hold now.  A select or a box filters at once; what is typed, dates too, on Enter
 * or by the button.  onChange(query of the set fields); the cursor is dropped.  clearable: whether there is anything to clear
 * (fields that show a default are none).
 */
export function filterForm({ fields, query, onChange, clearable = fields.some((field) => query[field.name]) }) {
  const form = h('form', { class: 'mz-filters', role: 'search', 'aria-label': t('ui.filters') });
  const submit = () => onChange(Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== '')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  const typed = fields.some((field) => !['select', 'checkbox'].includes(field.type));
  replace(form, fields.map((each) => filterField(each, query[each.name] ?? '', submit)),
    h('div', { class: 'mz-filter-buttons' },
      typed && h('button', { type: 'submit', id: 'filter-apply', class: 'btn btn-primary' }, t('ui.filter')),
      clearable && button(t('ui.filter_clear'), () => onChange({}), 'outline-secondary', { id: 'filter-clear' })));
  return form;
}

function filterField({ name, label, type, options, ...attributes }, value, submit) {
  const id = `filter-${name}`;
  const atOnce = { on: { change: submit } };
  if (type === 'checkbox') {
    return h('div', { class: 'form-check' },
      h('input', { id, name, type, value: 'true', class: 'form-check-input', checked: value === 'true', ...atOnce }),
      h('label', { for: id, class: 'form-check-label' }, label));
  }
  const control = type === 'select'
    ? h('select', { id, name, class: 'form-select', ...attributes.attributes, ...atOnce },
      withValue(options, value).map(([each, text]) => h('option', { value: each, selected: each === value }, text)))
    : h('input', { id, name, type, value, class: 'form-control', ...attributes });
  return h('div', null, h('label', { for: id, class: 'form-label' }, label), control);
}

/* An address may ask for what is not offered: it is shown all the same. */
function withValue(options, value) {
  return value === '' || options.some(([each]) => each === value) ? options : [...options, [value, value]];
}

/* A select of the session's tenants for filterForm(); all: one may also ask for every tenant. */
export function tenantField(session, { all = false } = {}) {
  const options = session.tenants.map((tenant) => [tenant, tenant]);
  return { name: 'tenant_id', label: t('ui.tenant'), type: 'select',
    options: all && session.tenant_id === null ? [['', t('ui.every_tenant')], ...options] : options };
}

/* The same alone: onChange(tenant). */
export function tenantSelect({ session, value, all, onChange }) {
  const { label, options } = tenantField(session, { all });
  return filterField({ name: 'tenant_id', label, type: 'select', options }, value, (event) => onChange(event.target.value));
}

/*
 * Asks before something is done.  fields: [{name, label, max, required, value, rows}] are texts to fill in, of so many
 * characters at the most; with options: [[value, text], …] something to choose.
 * Resolves to null, or to {name: text} ({} without fields).  act(that): does it, while the dialog waits; what it throws is
 * shown in the dialog, which stays with all that was typed.  signal closes it.  kind: of the button, as in button();
 * dismiss: what the other one says.
 */
export function confirmDialog({ title, text, action, kind = 'primary', fields = [], dismiss = t('ui.cancel'), act = async () => {}, signal }) {
  const id = newId('dialog');
  return new Promise((resolve) => {
    let result = null;
    const problem = h('div');
    const submit = h('button', { type: 'submit', class: `btn btn-${kind}` }, action);
    const form = h('form', null,
      h('h2', { id }, title), text && h('p', null, text),
      fields.map((field) => dialogControl({ id: `${id}-${field.name}`, ...field })), problem,
      h('div', { class: 'mz-dialog-buttons' }, button(dismiss, () => dialog.close()), submit));
    const dialog = h('dialog', { class: 'mz-dialog', 'aria-labelledby': id }, form);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const answer = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
      submit.disabled = true;
      replace(problem);
      try {
        await act(answer);
        result = answer;
        dialog.close();
      } catch (error) {
        submit.disabled = false;
        replace(problem, errorBox(error));
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    signal?.addEventListener('abort', () => dialog.close());
    document.body.append(dialog);
    dialog.showModal();
  });
}

function dialogControl({ id, options, label, value = '', ...attributes }) {
  if (!options) return counted({ id, label, value, rows: 2, ...attributes });
  return [h('label', { class: 'form-label', for: id }, label),
    h('select', { id, class: 'form-select', ...attributes },
      options.map(([each, text]) => h('option', { value: each, selected: each === value }, text)))];
}

/* Says it, to screen readers too, for some seconds. */
export function toast(text) {
  const region = document.getElementById('toasts');
  const note = h('div', { class: 'mz-toast' }, text);
  region.append(note);
  setTimeout(() => note.remove(), 6000);
}

/* A bar with its figures in words: used of limit. */
export function meter(label, used, limit) {
  const share = limit > 0 ? Math.min(used / limit, 1) : 1;
  const kind = share >= 1 ? 'alarm' : share >= 0.8 ? 'warn' : 'ok';
  const words = t('ui.used_of', { used, limit });
  const id = newId('meter');
  const bar = h('div', { class: `mz-bar mz-${kind}` });
  bar.style.width = `${share * 100}%`;
  return h('div', { class: 'mz-meter' },
    h('div', { class: 'mz-meter-head' }, h('span', { id }, label), h('span', null, words)),
    h('div', { class: 'mz-meter-track', role: 'progressbar', 'aria-labelledby': id, 'aria-valuemin': 0, 'aria-valuemax': limit,
      'aria-valuenow': Math.min(used, limit), 'aria-valuetext': words }, bar));
}

/* A figure with its name. */
export function figure(label, value, note) {
  return h('div', { class: 'mz-figure' }, h('div', { class: 'mz-figure-value' }, typeof value === 'number' ? number(value) : value),
    h('div', { class: 'mz-figure-label' }, label), note && h('div', { class: 'mz-figure-note' }, note));
}
