/* Who did what and when: append-only, newest first. */
import alertStrings from '../alerts/strings.js';
import { ruleName } from '../alerts/words.js';
import { get, urlWith } from '../api.js';
import { ACTIONS, actionWord, memberWord } from '../audit_log/words.js';
import { h } from '../dom.js';
import { duration, number, timeElement } from '../format.js';
import { addStrings, known, t } from '../i18n.js';
import { jobError } from '../jobs/errors.js';
import { categoryWord, severityBadge, stranger, takenWord } from '../terms.js';
import { card, empty, filterForm, link, pageHeader, pager, table, tenantField, withResults } from '../ui.js';

addStrings(alertStrings);

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
      'audit_log.note': 'Entries are only ever added: nobody can change or delete one. What is typed must be the whole text.',
      'audit_log.nothing': '–', 'audit_log.any': 'any',
      'audit_log.session': 'Session',
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
      'audit_log.note': 'Kayıtlar yalnızca eklenir; değiştirilemez ve silinemez. Yazılan, metnin tamamı olmalıdır.',
      'audit_log.nothing': '–', 'audit_log.any': 'hepsi',
      'audit_log.session': 'Oturum',
    },
  },
  render,
};

async function render(root, { path, query, session, signal, navigate }) {
  const text = (name) => ({ name, label: t(`audit_log.${name}`), type: 'search', maxlength: 200, autocomplete: 'off' });
  const filters = filterForm({ query, onChange: (changed) => navigate(urlWith(path, changed)),
    fields: [tenantField(session, { all: true }), text('actor'),
      { name: 'action', label: t('audit_log.action'), type: 'select',
        options: [['', t('audit_log.any')], ...ACTIONS.map((action) => [action, actionWord(action)])] },
      text('object')] });
  await withResults(root, [pageHeader(t('page.audit-log')), filters], async () => {
    const { entries, next_cursor: nextCursor } = await get('/admin/audit-log', query, { signal });
    return [
      card(t('audit_log.entries'), entries.length === 0 ? empty(t('audit_log.none')) : entryTable(entries),
        pager({ path, query, nextCursor })),
      h('p', { class: 'mz-soft' }, t('audit_log.note'))];
  });
}

function entryTable(entries) {
  return table({
    caption: t('audit_log.entries'), rows: entries, columns: [
      { title: t('audit_log.when'), cell: (entry) => timeElement(entry.at, { seconds: true }), header: true },
      { title: t('audit_log.actor'), cell: (entry) => h('bdi', { class: 'mz-name' }, entry.actor) },
      { title: t('audit_log.action'), cell: (entry) => h('span', { class: 'text-nowrap', title: entry.action }, actionWord(entry.action)) },
      { title: t('audit_log.object'), cell: (entry) => objectOf(entry), wide: true },
      { title: t('audit_log.tenant'), cell: (entry) => (entry.tenant_id ? h('bdi', { class: 'mz-name' }, entry.tenant_id) : t('audit_log.nothing')) },
      { title: t('audit_log.detail'), cell: (entry) => details(entry.detail), wide: true },
    ] });
}

const ID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KINDS = { incident: 'incidents', job: 'jobs' };

/* What it was done to ("incident 8c26…", "rule s1_spike"), as a link where there is a page of it. */
function objectOf({ object }) {
  if (object === 'pilot') return link('/admin/pilot', t('page.pilot'));
  if (object === 'session') return t('audit_log.session');
  const [kind, name] = object.split(' ');
  if (kind === 'rule') return link('/admin/alerts', ruleName(name));
  const found = ID.exec(object);
  return found && KINDS[kind] ? link(`/admin/${KINDS[kind]}/${found[0]}`, t(`page.${kind}`), ' ', h('code', null, found[0])) : stranger(object);
}

function details(detail) {
  const entries = Object.entries(detail ?? {});
  if (entries.length === 0) return t('audit_log.nothing');
  return h('ul', { class: 'mz-details' }, entries.map(([name, value]) =>
    h('li', null, h('span', { class: 'mz-soft', title: name }, `${memberWord(name)}: `), detailValue(name, value))));
}

/* Old values in the words of the new. */
function detailValue(name, value) {
  if (value === null || value === '') return t('audit_log.nothing');
  if (typeof value === 'boolean') return t(value ? 'ui.yes' : 'ui.no');
  if (typeof value === 'object') return details(value);
  if (name in KINDS && ID.test(value)) return link(`/admin/${KINDS[name]}/${value}`, h('code', null, value));
  return valueWord(name.replace(/^old_/, ''), value) ?? (typeof value === 'number' ? number(value, 6) : stranger(value));
}

function valueWord(name, value) {
  switch (name) {
    case 'status': return known(`status.${value}`) ? t(`status.${value}`) : known(`job.${value}`) ? t(`job.${value}`) : null;
    case 'severity': return severityBadge(value);
    case 'category': return categoryWord(value);
    case 'action_taken': return takenWord(value);
    case 'error': return jobError(value);
    case 'resolution_time_seconds': return duration(value * 1000);
    default: return null;
  }
}
