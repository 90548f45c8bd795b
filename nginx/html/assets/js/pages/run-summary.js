/* One line per day, as the run summaries say it, and the same as files. */
import { get, urlWith } from '../api.js';
import { h } from '../dom.js';
import { dateText, duration, number, percent, timeElement } from '../format.js';
import { t } from '../i18n.js';
import { preferredTenant } from '../session.js';
import { card, empty, filterForm, pageHeader, table, tenantField, withResults } from '../ui.js';

const DAY_MS = 86_400_000;

export default {
  title: 'page.run-summary',
  strings: {
    en: {
      'summary.from': 'From (UTC)',
      'summary.to': 'To (UTC)',
      'summary.jsonl': 'Download JSON lines',
      'summary.csv': 'Download CSV',
      'summary.title': 'One line per day',
      'summary.note': 'Days are UTC days. A past day stays as it was; today is as of now.',
      'summary.none': 'There is no summary for these days.',
      'summary.day': 'Day',
      'summary.invoices': 'Invoices',
      'summary.incidents': 'Incidents',
      'summary.s1': 'S1',
      'summary.s2': 'S2',
      'summary.ocr': 'OCR suspects',
      'summary.rounding': 'Roundings',
      'summary.mismatch_rate': 'Mismatch rate',
      'summary.s1_rate': 'S1 rate',
      'summary.ocr_rate': 'OCR rate',
      'summary.coverage': 'Coverage',
      'summary.p95': 'p95',
      'summary.queue': 'Queue (max)',
      'summary.errors': '4xx / 5xx',
      'summary.builds': 'Build and configuration',
      'summary.build': 'Build',
      'summary.config': 'Config hash',
      'summary.written': 'As of',
    },
    tr: {
      'summary.from': 'Başlangıç (UTC)',
      'summary.to': 'Bitiş (UTC)',
      'summary.jsonl': 'JSON Lines indir',
      'summary.csv': 'CSV indir',
      'summary.title': 'Gün gün özet',
      'summary.note': 'Günler UTC’ye göredir. Geçmiş günler değişmez; bugün şu ana kadarki durumu gösterir.',
      'summary.none': 'Bu günler için özet yok.',
      'summary.day': 'Gün',
      'summary.invoices': 'Fatura',
      'summary.incidents': 'Olay',
      'summary.s1': 'S1',
      'summary.s2': 'S2',
      'summary.ocr': 'OCR şüphesi',
      'summary.rounding': 'Yuvarlama',
      'summary.mismatch_rate': 'Uyuşmazlık oranı',
      'summary.s1_rate': 'S1 oranı',
      'summary.ocr_rate': 'OCR oranı',
      'summary.coverage': 'Geri bildirim',
      'summary.p95': 'p95',
      'summary.queue': 'Kuyruk (en çok)',
      'summary.errors': '4xx / 5xx',
      'summary.builds': 'Sürüm ve yapılandırma',
      'summary.build': 'Sürüm',
      'summary.config': 'Yapılandırma özeti (hash)',
      'summary.written': 'Veri zamanı',
    },
  },
  render,
};

const isoDay = (moment) => moment.toISOString().slice(0, 10);

/* A summary's timestamp is the end of its day, or the moment it was asked for. */
const dayOf = (summary) => isoDay(new Date(Date.parse(summary.timestamp) - 1));

async function render(root, { path, query, session, signal, navigate }) {
  const today = isoDay(new Date());
  const asked = {
    tenant_id: query.tenant_id ?? preferredTenant(session),
    from: query.from ?? isoDay(new Date(Date.now() - 6 * DAY_MS)),
    to: query.to ?? today,
  };
  const filters = filterForm({
    query: asked, onChange: (changed) => navigate(urlWith(path, changed)), clearable: Object.keys(query).length > 0,
    fields: [tenantField(session),
      { name: 'from', label: t('summary.from'), type: 'date', max: today },
      { name: 'to', label: t('summary.to'), type: 'date', max: today }],
  });
  const download = (format) => h('a', { class: 'btn btn-outline-secondary', href: urlWith(path, { ...asked, format }), download: true }, t(`summary.${format}`));
  await withResults(root, [pageHeader(t('page.run-summary'), download('jsonl'), download('csv')), filters], async () => {
    const { run_summaries: summaries } = await get('/admin/run-summary', asked, { signal });
    const newest = summaries.toReversed();
    return [
      card(t('summary.title'), newest.length === 0 ? empty(t('summary.none')) : summaryTable(newest),
        h('p', { class: 'mz-soft' }, t('summary.note'))),
      newest.length > 0 && card(t('summary.builds'), buildTable(newest))];
  });
}

function summaryTable(summaries) {
  const count = (title, name) => ({ title: t(`summary.${title}`), cell: (each) => number(each.counts[name]), numeric: true });
  const rate = (title, name) => ({ title: t(`summary.${title}`), cell: (each) => percent(each.rates[name]), numeric: true });
  return h('div', { class: 'mz-scroll mz-dense', tabindex: '0', role: 'region', 'aria-label': t('summary.title') }, table({
    caption: t('summary.title'), rows: summaries, columns: [
      { title: t('summary.day'), cell: (each) => dateText(dayOf(each), 'weekday'), header: true },
      count('invoices', 'total_invoices'), count('incidents', 'incident_count'), count('s1', 's1_count'), count('s2', 's2_count'),
      count('ocr', 'ocr_suspect_count'), count('rounding', 'accept_rounding_count'),
      rate('mismatch_rate', 'mismatch_rate'), rate('s1_rate', 's1_rate'), rate('ocr_rate', 'ocr_suspect_rate'), rate('coverage', 'feedback_coverage'),
      { title: t('summary.p95'), cell: (each) => duration(each.latency.p95_pipeline_total_ms), numeric: true },
      { title: t('summary.queue'), cell: (each) => `${number(each.queue.depth)} (${number(each.queue.max_depth)})`, numeric: true },
      { title: t('summary.errors'), cell: (each) => `${number(each.errors['4xx'])} / ${number(each.errors['5xx'])}`, numeric: true },
    ] }));
}

function buildTable(summaries) {
  return table({
    caption: t('summary.builds'), rows: summaries, columns: [
      { title: t('summary.day'), cell: (each) => dateText(dayOf(each)), header: true },
      { title: t('summary.build'), cell: (each) => h('code', null, each.build_id || '–') },
      { title: t('summary.config'), cell: (each) => h('code', null, each.config_hash || '–') },
      { title: t('summary.written'), cell: (each) => timeElement(each.timestamp) },
    ] });
}
