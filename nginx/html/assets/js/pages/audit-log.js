/* Who did what and when: append-only, newest first. */
import { get, urlWith } from '../api.js';
import { h, replace } from '../dom.js';
import { timeElement } from '../format.js';
import { t } from '../i18n.js';
import { stranger } from '../terms.js';
import { card, empty, filterForm, link, pageHeader, pager, table, tenantField } from '../ui.js';

export default {
  title: 'page.audit-log',
  strings: {
    en: {
      'audit_log.actor': 'Who',
      'audit_log.action': 'Action',
      'audit_log.object': 'Object',
      'audit_log.when': 'When',
      'audit_log.detail': 'Detail',
      'audit_log.tenant': 'Tenant',
      'audit_log.entries': 'Entries, newest first',
      'audit_log.none': 'No entry fits these filters.',
      'audit_log.note': 'Entries are only ever added: nobody can change or delete one. A filter must be the whole text.',
      'audit_log.nothing': '–',
    },
    tr: {
      'audit_log.actor': 'Kim',
      'audit_log.action': 'İşlem',
      'audit_log.object': 'Nesne',
      'audit_log.when': 'Ne zaman',
      'audit_log.detail': 'Ayrıntı',
      'audit_log.tenant': 'Tenant',
      'audit_log.entries': 'Kayıtlar, en yenisi üstte',
      'audit_log.none': 'Bu filtrelere uyan kayıt yok.',
      'audit_log.note': 'Kayıtlar yalnızca eklenir; değiştirilemez ve silinemez. Filtreye metnin tamamı yazılmalıdır.',
      'audit_log.nothing': '–',
    },
  },
  render,
};

async function render(root, { path, query, session, signal, navigate }) {
  const { entries, next_cursor: nextCursor } = await get('/admin/audit-log', query, { signal });
  const text = (name) => ({ name, label: t(`audit_log.${name}`), type: 'search', maxlength: 200, autocomplete: 'off' });
  replace(root, pageHeader(t('page.audit-log')),
    filterForm({ query, onChange: (changed) => navigate(urlWith(path, changed)),
      fields: [tenantField(session, { all: true }), text('actor'), text('action'), text('object')] }),
    card(t('audit_log.entries'), entries.length === 0 ? empty(t('audit_log.none')) : entryTable(entries),
      pager({ path, query, nextCursor })),
    h('p', { class: 'mz-soft' }, t('audit_log.note')));
}

function entryTable(entries) {
  return table({
    caption: t('audit_log.entries'), rows: entries, columns: [
      { title: t('audit_log.when'), cell: (entry) => timeElement(entry.at, { seconds: true }), header: true },
      { title: t('audit_log.actor'), cell: (entry) => h('bdi', { class: 'mz-name' }, entry.actor) },
      { title: t('audit_log.action'), cell: (entry) => h('code', { class: 'text-nowrap' }, entry.action) },
      { title: t('audit_log.object'), cell: (entry) => objectOf(entry), wide: true },
      { title: t('audit_log.tenant'), cell: (entry) => (entry.tenant_id ? h('bdi', { class: 'mz-name' }, entry.tenant_id) : t('audit_log.nothing')) },
      { title: t('audit_log.detail'), cell: (entry) => details(entry.detail), wide: true },
    ] });
}

const ID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KINDS = { incident: 'incidents', job: 'jobs' };

/* What it was done to ("incident 8c26…"), as a link where there is a page of it. */
function objectOf({ object }) {
  if (object === 'pilot') return link('/admin/pilot', object);
  const [kind] = object.split(' ');
  const found = ID.exec(object);
  return found && KINDS[kind] ? link(`/admin/${KINDS[kind]}/${found[0]}`, `${kind} `, h('code', null, found[0])) : stranger(object);
}

function details(detail) {
  const entries = Object.entries(detail ?? {});
  if (entries.length === 0) return t('audit_log.nothing');
  return h('ul', { class: 'mz-details' }, entries.map(([name, value]) =>
    h('li', null, h('span', { class: 'mz-soft' }, `${name}: `), detailValue(name, value))));
}

function detailValue(name, value) {
  if (typeof value !== 'string') return JSON.stringify(value);
  return name in KINDS && ID.test(value) ? link(`/admin/${KINDS[name]}/${value}`, h('code', null, value)) : stranger(value);
}
