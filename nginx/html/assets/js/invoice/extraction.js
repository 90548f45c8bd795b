/* What was read from a document: every field with its confidence and the words it was read from. */
import { h } from '../dom.js';
import { t, addStrings } from '../i18n.js';
import { money, number, percent, dateText } from '../format.js';
import { stranger } from '../terms.js';
import { table } from '../ui.js';
import { multiply, parse, text as exactText } from './decimal.js';

addStrings({
  en: {
    'extraction.fields': 'What was read', 'extraction.field': 'Field', 'extraction.value': 'Value',
    'extraction.confidence': 'Confidence', 'extraction.evidence': 'Read from',
    'extraction.notPrinted': 'not found',
    'extraction.low': 'low', 'extraction.unsure': 'unsure',
    'extraction.lines': 'Lines', 'extraction.allowances': 'Allowances (discounts)',
    'extraction.charges': 'Charges', 'extraction.taxes': 'Taxes',
    'extraction.parts': 'Lines, allowances, charges, taxes', 'extraction.none': 'None were read.', 'extraction.number': 'No.',
    'extraction.description': 'Description', 'extraction.quantity': 'Quantity',
    'extraction.unitPrice': 'Unit price', 'extraction.net': 'Net amount', 'extraction.taxRate': 'Tax rate',
    'extraction.reason': 'Reason', 'extraction.amount': 'Amount', 'extraction.tax': 'Tax',
    'extraction.base': 'Taxable amount', 'extraction.rate': 'Rate',
    'extraction.withheld': 'withheld',
    'field.seller.name': 'Seller', 'field.seller.tax_id': 'Seller’s tax id',
    'field.buyer.name': 'Buyer', 'field.buyer.tax_id': 'Buyer’s tax id',
    'field.invoice_number': 'Invoice number', 'field.ettn': 'ETTN (UUID)',
    'field.issue_date': 'Issue date', 'field.due_date': 'Due date',
    'field.period_start': 'Period from', 'field.period_end': 'Period to', 'field.currency': 'Currency',
    'field.line_total': 'Sum of lines, as printed',
    'field.tax_exclusive_amount': 'Total without tax', 'field.tax_total': 'Total tax',
    'field.tax_inclusive_amount': 'Total with tax', 'field.withholding_total': 'Tax withheld',
    'field.prepaid_amount': 'Prepaid', 'field.rounding_amount': 'Rounding',
    'field.payable_amount': 'Amount payable',
  },
  tr: {
    'extraction.fields': 'Okunan alanlar', 'extraction.field': 'Alan', 'extraction.value': 'Değer',
    'extraction.confidence': 'Güven', 'extraction.evidence': 'Okunduğu yer',
    'extraction.notPrinted': 'bulunamadı',
    'extraction.low': 'düşük', 'extraction.unsure': 'kuşkulu',
    'extraction.lines': 'Satırlar', 'extraction.allowances': 'İskontolar',
    'extraction.charges': 'İlave bedeller', 'extraction.taxes': 'Vergiler',
    'extraction.parts': 'Satırlar, iskontolar, ilave bedeller, vergiler', 'extraction.none': 'Okunan yok.', 'extraction.number': 'No.',
    'extraction.description': 'Açıklama', 'extraction.quantity': 'Miktar',
    'extraction.unitPrice': 'Birim fiyat', 'extraction.net': 'Net tutar', 'extraction.taxRate': 'Vergi oranı',
    'extraction.reason': 'Neden', 'extraction.amount': 'Tutar', 'extraction.tax': 'Vergi',
    'extraction.base': 'Matrah', 'extraction.rate': 'Oran',
    'extraction.withheld': 'tevkif edilen',
    'field.seller.name': 'Satıcı', 'field.seller.tax_id': 'Satıcının VKN/TCKN’si',
    'field.buyer.name': 'Alıcı', 'field.buyer.tax_id': 'Alıcının VKN/TCKN’si',
    'field.invoice_number': 'Fatura numarası', 'field.ettn': 'ETTN',
    'field.issue_date': 'Düzenleme tarihi', 'field.due_date': 'Vade tarihi',
    'field.period_start': 'Dönem başı', 'field.period_end': 'Dönem sonu', 'field.currency': 'Para birimi',
    'field.line_total': 'Mal/hizmet toplamı (basılı)',
    'field.tax_exclusive_amount': 'Vergiler hariç tutar', 'field.tax_total': 'Vergi toplamı',
    'field.tax_inclusive_amount': 'Vergiler dahil tutar', 'field.withholding_total': 'Tevkifat',
    'field.prepaid_amount': 'Ön ödeme', 'field.rounding_amount': 'Yuvarlama',
    'field.payable_amount': 'Ödenecek tutar',
  },
});

const FIELDS = ['seller.name', 'seller.tax_id', 'buyer.name', 'buyer.tax_id', 'invoice_number', 'ettn',
  'issue_date', 'due_date', 'period_start', 'period_end', 'currency', 'line_total',
  'tax_exclusive_amount', 'tax_total', 'tax_inclusive_amount', 'withholding_total', 'prepaid_amount',
  'rounding_amount', 'payable_amount'];
const DATES = ['issue_date', 'due_date', 'period_start', 'period_end'];
const AMOUNTS = ['line_total', 'tax_exclusive_amount', 'tax_total', 'tax_inclusive_amount',
  'withholding_total', 'prepaid_amount', 'rounding_amount', 'payable_amount'];

const PERCENT = parse('0.01');

/* Under `low` the server raises a flag, under `unsure` it suspects the reading; where they are not known nothing is judged. */
const limitsOf = (thresholds) => ({ low: thresholds?.LOW_CONFIDENCE ?? 0, unsure: thresholds?.OCR_SUSPECT_CONFIDENCE ?? 0 });

function confidence(value, { low, unsure }, { bar = true } = {}) {
  const word = value < low ? 'low' : value < unsure ? 'unsure' : null;
  return h('span', { class: `mz-confidence${word ? ' mz-confidence-low' : ''}` },
    bar && h('meter', { min: 0, max: 1, low, high: Math.max(low, unsure), optimum: 1, value, 'aria-hidden': 'true' }),
    ' ', number(value, 2), word ? [' ', h('strong', null, `⚠ ${t(`extraction.${word}`)}`)] : null);
}

/* A decimal as the reader writes it, digit by digit; what is none, as it stands. */
const amount = (text) => (parse(text) === null ? stranger(text) : h('span', { class: 'mz-amount' }, money(text)));
const decimal = (text) => (parse(text) === null ? stranger(text) : number(text, 20));
const withUnit = (quantity, unit) => h('span', { class: 'mz-amount' }, decimal(quantity), unit ? [' ', stranger(unit)] : null);
const rate = (text) => (parse(text) === null ? stranger(text) : percent(exactText(multiply(parse(text), PERCENT)), 20));

function value(name, field) {
  const missing = t('extraction.notPrinted');
  if (field.value === null || field.value === '') return stranger(null, { missing });
  if (AMOUNTS.includes(name)) return amount(field.value);
  if (DATES.includes(name) && !Number.isNaN(Date.parse(field.value))) {
    return h('span', { title: field.value }, dateText(field.value));
  }
  return stranger(field.value);
}

const at = (extraction, path) => path.split('.').reduce((node, name) => node[name], extraction);

/* thresholds: the configuration, or null. */
export function fieldsTable(extraction, thresholds) {
  const limits = limitsOf(thresholds);
  return table({
    caption: t('extraction.fields'),
    columns: [
      { title: t('extraction.field'), cell: ({ name }) => t(`field.${name}`), header: true },
      { title: t('extraction.value'), cell: ({ name, field }) => value(name, field) },
      { title: t('extraction.confidence'), cell: ({ field }) => confidence(field.confidence, limits) },
      { title: t('extraction.evidence'), cell: ({ field }) => stranger(field.evidence) },
    ],
    rows: FIELDS.map((name) => ({ name, field: at(extraction, name) })),
  });
}

const numbered = (list) => list.map((item, i) => ({ ...item, no: i + 1 }));

function list(name, items, columns) {
  const heading = h('h3', null, t(`extraction.${name}`));
  if (items.length === 0) return [heading, h('p', { class: 'mz-soft' }, t('extraction.none'))];
  return [heading, table({ caption: t(`extraction.${name}`), columns, rows: numbered(items) })];
}

const figure = (label, cell) => ({ title: t(`extraction.${label}`), cell, numeric: true });
const no = () => ({ title: t('extraction.number'), cell: (row) => number(row.no) });

export function partsTables(extraction, thresholds) {
  const limits = limitsOf(thresholds);
  const reasons = () => [no(), { title: t('extraction.reason'), cell: (row) => stranger(row.reason) },
    figure('amount', (row) => amount(row.amount))];
  return [
    list('lines', extraction.lines, [no(),
      { title: t('extraction.description'), wide: true, cell: (row) => [stranger(row.description),
        h('div', { class: 'mz-note' }, `${t('extraction.confidence')}: `, confidence(row.confidence, limits, { bar: false })),
        row.evidence !== '' && h('div', { class: 'mz-note' }, `${t('extraction.evidence')}: `, stranger(row.evidence, { fold: 120 }))] },
      figure('quantity', (row) => withUnit(row.quantity, row.unit)),
      figure('unitPrice', (row) => amount(row.unit_price)),
      figure('net', (row) => amount(row.net_amount)),
      figure('taxRate', (row) => rate(row.tax_rate))]),
    list('allowances', extraction.allowances, reasons()),
    list('charges', extraction.charges, reasons()),
    list('taxes', extraction.taxes, [no(),
      { title: t('extraction.tax'), cell: (row) => [stranger(row.name),
        row.withheld ? ` (${t('extraction.withheld')})` : null] },
      figure('base', (row) => amount(row.taxable_amount)),
      figure('rate', (row) => rate(row.rate)),
      figure('amount', (row) => amount(row.amount)),
      { title: t('extraction.confidence'), cell: (row) => confidence(row.confidence, limits, { bar: false }) }]),
  ];
}
