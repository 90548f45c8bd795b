/* The incidents, newest first: found by filter, opened by their link. */
import { get, urlWith } from '../api.js';
import { h } from '../dom.js';
import { folded, listed } from '../fold.js';
import { ago, money, percent, timeElement, dateText } from '../format.js';
import { t } from '../i18n.js';
import { CATEGORIES, INCIDENT_FLAGS, SEVERITIES, STATUSES, categoryWord, flagWord, severityBadge, statusBadge,
  stranger } from '../terms.js';
import { empty, filterForm, link, pageHeader, pager, table, tenantField, withResults } from '../ui.js';

const strings = {
  en: {
    'incidents.caption': 'Incidents, newest first',
    'incidents.any': 'any', 'incidents.status': 'Status', 'incidents.severity': 'Severity',
    'incidents.category': 'Category', 'incidents.flag': 'Flag', 'incidents.seller': 'Seller',
    'incidents.text': 'Text', 'incidents.textHint': 'number, seller, file',
    'incidents.invoice': 'Invoice', 'incidents.problem': 'Problem', 'incidents.stated': 'Stated',
    'incidents.computed': 'Computed', 'incidents.delta': 'Difference', 'incidents.opened': 'opened {age}',
    'incidents.seen': 'seen {n} times', 'incidents.noNumber': 'No number',
    'incidents.also': 'also: {flags}',
    'incidents.feedback': 'Feedback given',
    'incidents.none': 'There are no incidents. Invoices that do not add up will appear here.',
    'incidents.noneUpload': 'Upload an invoice',
    'incidents.noneYet': 'Not found among the newest incidents; the next page looks among older ones.',
    'incidents.noneFound': 'No incident matches these filters. Take one away, or clear them all.',
  },
  tr: {
    'incidents.caption': 'Olaylar, en yenisi başta',
    'incidents.any': 'hepsi', 'incidents.status': 'Durum', 'incidents.severity': 'Önem',
    'incidents.category': 'Kategori', 'incidents.flag': 'İşaret', 'incidents.seller': 'Satıcı',
    'incidents.text': 'Metin', 'incidents.textHint': 'numara, satıcı, dosya',
    'incidents.invoice': 'Fatura', 'incidents.problem': 'Sorun', 'incidents.stated': 'Belgede yazan',
    'incidents.computed': 'Hesaplanan', 'incidents.delta': 'Fark', 'incidents.opened': 'açılış: {age}',
    'incidents.seen': '{n} kez görüldü', 'incidents.noNumber': 'Numarasız',
    'incidents.also': 'ayrıca: {flags}',
    'incidents.feedback': 'Geri bildirim verildi',
    'incidents.none': 'Hiç olay yok. Hesabı tutmayan faturalar burada görünecek.',
    'incidents.noneUpload': 'Fatura yükle',
    'incidents.noneYet': 'En yeni olaylar arasında bulunamadı; sonraki sayfa daha eskilere bakar.',
    'incidents.noneFound': 'Bu filtrelere uyan olay yok. Bir filtreyi kaldırın ya da hepsini temizleyin.',
  },
};

const PATH = '/admin/incidents';
const FILTERS = ['tenant_id', 'status', 'severity', 'category', 'flag', 'seller', 'q'];
const isFiltered = (query) => FILTERS.some((name) => query[name]);

const options = (codes, words) => [['', t('incidents.any')], ...codes.map((code) => [code, words(code)])];

function filters(session, query, navigate) {
  return folded(filterForm({
    query,
    onChange: (chosen) => navigate(urlWith(PATH, chosen)),
    fields: [
      tenantField(session, { all: true }),
      { name: 'status', label: t('incidents.status'), type: 'select', options: options(STATUSES, (c) => t(`status.${c}`)) },
      { name: 'severity', label: t('incidents.severity'), type: 'select', options: options(SEVERITIES, (c) => t(`severity.${c}`)) },
      { name: 'category', label: t('incidents.category'), type: 'select', options: options(CATEGORIES, categoryWord) },
      { name: 'flag', label: t('incidents.flag'), type: 'select', options: options(INCIDENT_FLAGS, flagWord) },
      { name: 'seller', label: t('incidents.seller'), type: 'search', maxlength: 200 },
      { name: 'q', label: t('incidents.text'), type: 'search', maxlength: 200, placeholder: t('incidents.textHint') },
    ],
  }), isFiltered(query));
}

function invoiceCell(row) {
  const name = row.invoice_number ?? row.filename ?? t('incidents.noNumber');
  return [
    h('a', { href: `${PATH}/${row.id}`, class: 'fw-semibold' }, stranger(name, { fold: 60, plain: true })),
    row.seller_name && h('div', { class: 'mz-regular' }, stranger(row.seller_name, { fold: 80, plain: true })),
    h('div', { class: 'mz-note' }, [row.tenant_id, row.issue_date && dateText(row.issue_date)].filter(Boolean).join(' · ')),
  ];
}

function problemCell(row) {
  return [
    h('div', null, severityBadge(row.severity), ' ', flagWord(row.primary_flag)),
    h('div', { class: 'mz-note' }, categoryWord(row.category)),
    row.secondary_flags.length > 0
      && h('div', { class: 'mz-note' }, t('incidents.also', { flags: row.secondary_flags.map(flagWord).join(', ') })),
  ];
}

function statusCell(row) {
  return [
    statusBadge(row.status),
    row.has_feedback && h('div', { class: 'mz-note' }, `✎ ${t('incidents.feedback')}`),
    h('div', null, t('incidents.opened', { age: ago(row.created_at) })),
    h('div', { class: 'mz-note' }, timeElement(row.created_at)),
    row.occurrence_count > 1 && h('div', { class: 'mz-note' }, `↻ ${t('incidents.seen', { n: row.occurrence_count })}`),
  ];
}

const amount = (row, name) => h('span', { class: 'mz-amount' }, money(row[name], row.currency));

function list(rows) {
  return listed(table({
    caption: t('incidents.caption'),
    columns: [
      { title: t('incidents.invoice'), header: true, wide: true, cell: invoiceCell },
      { title: t('incidents.problem'), wide: true, cell: problemCell },
      { title: t('incidents.stated'), numeric: true, cell: (row) => amount(row, 'stated') },
      { title: t('incidents.computed'), numeric: true, cell: (row) => amount(row, 'computed') },
      { title: t('incidents.delta'), numeric: true, cell: (row) => [h('div', { class: 'fw-semibold' }, amount(row, 'delta')),
        row.ratio !== null && h('div', { class: 'mz-note' }, percent(row.ratio))] },
      { title: t('incidents.status'), cell: statusCell },
    ],
    rows,
  }), t('incidents.caption'));
}

function nothing(query, nextCursor) {
  if (nextCursor) return empty(t('incidents.noneYet'));
  return isFiltered(query)
    ? empty(t('incidents.noneFound'))
    : empty(t('incidents.none'), link('/admin/upload', t('incidents.noneUpload')));
}

async function render(root, { query, session, signal, navigate }) {
  await withResults(root, [pageHeader(t('page.incidents')), filters(session, query, navigate)], async () => {
    const { incidents, next_cursor: nextCursor } = await get(PATH, query, { signal });
    return [incidents.length === 0 ? nothing(query, nextCursor) : list(incidents), pager({ path: PATH, query, nextCursor })];
  });
}

export default { title: 'page.incidents', strings, render };
