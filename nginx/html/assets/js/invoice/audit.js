/* The audit as arithmetic that a person can follow, and the rule that its difference met. */
import { h } from '../dom.js';
import { t, addStrings } from '../i18n.js';
import { money, number, percent } from '../format.js';
import { outcomeBadge, severityBadge } from '../terms.js';
import { parse, text, compare } from './decimal.js';
import { totalsOf, rulesOf } from './totals.js';

addStrings({
  en: {
    'audit.title': 'Does it add up?',
    'audit.caption': 'The audit, step by step',
    'audit.step.lines': 'Sum of the lines', 'audit.step.lines.one': 'The line ({n})',
    'audit.step.lines.other': 'Sum of {n} lines',
    'audit.step.line_total': 'Sum of lines, as printed (not itemised)',
    'audit.step.allowances': 'Allowances', 'audit.step.charges': 'Charges',
    'audit.step.taxes': 'Taxes that are not withheld', 'audit.step.tax_total': 'Total tax, as printed (not itemised)',
    'audit.step.tax_exclusive': 'Total without tax, as printed (no lines)',
    'audit.step.tax_inclusive': 'Total with tax, as printed',
    'audit.step.payable': 'Amount payable, as printed', 'audit.step.prepaid': 'Prepaid',
    'audit.step.rounding': 'Rounding', 'audit.step.withheld': 'Tax withheld',
    'audit.computed': 'Computed', 'audit.stated': 'Stated in the document',
    'audit.difference': 'Difference', 'audit.ratio': 'Ratio',
    'audit.ratioOf': '{delta} ÷ {stated}',
    'audit.rules': 'Why {severity}?', 'audit.rulesNone': 'Why no mismatch?',
    'audit.rule.MISMATCH_RATIO': 'Mismatch by ratio', 'audit.rule.MISMATCH_ABSOLUTE': 'Mismatch by amount',
    'audit.rule.SEVERE_RATIO': 'Severe by ratio', 'audit.rule.SEVERE_ABSOLUTE': 'Severe by amount',
    'audit.rule.mismatch': 'A mismatch: the ratio is at least {ratio}, or the difference at least {absolute}.',
    'audit.rule.severe': 'S1: the ratio is at least {severeRatio} and the difference at least {absolute}, or the difference at least {severeAbsolute}. Every other mismatch is S2.',
    'audit.met': 'met', 'audit.notMet': 'not met',
    'audit.rulesChanged': 'The thresholds were changed after this audit; under today’s the result would be another.',
    'audit.suspect': 'A reading error (OCR) is suspected: a field was read with low confidence, or the totals differ by a power of ten.',
    'audit.noTotals': 'There is nothing to compare: the document states no total, or no parts that add up to one.',
    'audit.differs': 'These steps do not lead to the figures that the server computed ({computed}); the server’s hold.',
    'audit.notRead': 'The document could not be read, so there is nothing to check.',
  },
  tr: {
    'audit.title': 'Hesap tutuyor mu?',
    'audit.caption': 'Adım adım denetim',
    'audit.step.lines': 'Satırların toplamı', 'audit.step.lines.other': '{n} satırın toplamı',
    'audit.step.lines.one': 'Tek satır ({n})',
    'audit.step.line_total': 'Basılı satır toplamı (satır dökümü yok)',
    'audit.step.allowances': 'İskontolar', 'audit.step.charges': 'İlave bedeller',
    'audit.step.taxes': 'Tevkif edilmeyen vergiler', 'audit.step.tax_total': 'Basılı vergi toplamı (dökümü yok)',
    'audit.step.tax_exclusive': 'Basılı vergiler hariç tutar (satır yok)',
    'audit.step.tax_inclusive': 'Basılı vergiler dahil tutar',
    'audit.step.payable': 'Basılı ödenecek tutar', 'audit.step.prepaid': 'Ön ödeme',
    'audit.step.rounding': 'Yuvarlama', 'audit.step.withheld': 'Tevkifat',
    'audit.computed': 'Hesaplanan', 'audit.stated': 'Belgede yazan',
    'audit.difference': 'Fark', 'audit.ratio': 'Oran',
    'audit.ratioOf': '{delta} ÷ {stated}',
    'audit.rules': 'Neden {severity}?', 'audit.rulesNone': 'Neden uyumsuzluk yok?',
    'audit.rule.MISMATCH_RATIO': 'Orana göre uyumsuzluk', 'audit.rule.MISMATCH_ABSOLUTE': 'Tutara göre uyumsuzluk',
    'audit.rule.SEVERE_RATIO': 'Orana göre ağır', 'audit.rule.SEVERE_ABSOLUTE': 'Tutara göre ağır',
    'audit.rule.mismatch': 'Uyumsuzluk: oran en az {ratio} veya fark en az {absolute}.',
    'audit.rule.severe': 'S1: oran en az {severeRatio} ve fark en az {absolute}, ya da fark en az {severeAbsolute}. Diğer bütün uyumsuzluklar S2’dir.',
    'audit.met': 'sağlandı', 'audit.notMet': 'sağlanmadı',
    'audit.rulesChanged': 'Eşikler bu denetimden sonra değişti; bugünkü eşiklerle sonuç farklı olurdu.',
    'audit.suspect': 'Okuma (OCR) hatasından şüpheleniliyor: bir alan düşük güvenle okundu ya da toplamlar arasında onun bir kuvveti kadar fark var.',
    'audit.noTotals': 'Karşılaştırılacak bir şey yok: belgede toplam ya da toplamı verecek parçalar yok.',
    'audit.differs': 'Bu adımlar sunucunun hesapladığı tutarı ({computed}) vermiyor; sunucunun tutarı geçerlidir.',
    'audit.notRead': 'Belge okunamadığı için denetlenecek bir şey yok.',
  },
});

const OPERATOR = { 1: '+', '-1': '−' };

function stepLabel({ name, count }) {
  if (name === 'lines') return t('audit.step.lines', { n: count });
  return t(`audit.step.${name}`) + (count > 1 ? ` (${number(count)})` : '');
}

const row = (kind, label, operator, value) => h('tr', { class: kind },
  h('th', { scope: 'row' }, label), h('td', { class: 'mz-ledger-sign' }, operator),
  h('td', { class: 'mz-ledger-amount' }, value));

/* A negative value after the operator stands in parentheses: "− (−12.00)". */
function stepRow(step, i, currency) {
  const shown = money(text(step.value, 2), currency);
  const operator = i === 0 && step.sign > 0 ? '' : OPERATOR[step.sign];
  return row('', stepLabel(step), operator, operator !== '' && step.value.coef < 0n ? `(${shown})` : shown);
}

function ledger(totals, currency, isMismatch) {
  const exact = (d) => money(text(d, 2), currency);
  const assembled = totals.statedFrom.length > 1;
  return h('table', { class: 'mz-ledger' },
    h('caption', { class: 'visually-hidden' }, t('audit.caption')),
    h('colgroup', null, h('col'), h('col', { class: 'mz-col-sign' }), h('col', { class: 'mz-col-amount' })),
    h('tbody', null, totals.steps.map((step, i) => stepRow(step, i, currency)),
      row('mz-ledger-sum', t('audit.computed'), '=', exact(totals.computed))),
    h('tbody', null,
      assembled ? totals.statedFrom.map((step, i) => stepRow(step, i, currency)) : null,
      row('mz-ledger-sum', t('audit.stated'), assembled ? '=' : '', exact(totals.stated))),
    h('tbody', null,
      row(isMismatch ? 'mz-ledger-result mz-ledger-off' : 'mz-ledger-result', t('audit.difference'), '|Δ|', exact(totals.delta)),
      row('', [t('audit.ratio'), h('small', { class: 'mz-note d-block' },
        t('audit.ratioOf', { delta: money(text(totals.delta, 2)), stated: money(text(totals.denominator, 2)) }))],
      '=', percent(text(totals.ratio)))));
}

function ruleItem(rule) {
  const shown = (d) => (rule.kind === 'ratio' ? percent(text(d), 18) : money(text(d, 2)));
  return h('li', { class: rule.met ? 'mz-met' : null },
    `${rule.met ? '✓' : '✗'} ${t(`audit.rule.${rule.name}`)}: ${shown(rule.left)} ${rule.met ? '≥' : '<'} ${shown(rule.right)} `,
    h('span', null, `(${t(rule.met ? 'audit.met' : 'audit.notMet')})`));
}

function rules(audit, totals, thresholds) {
  const found = rulesOf(totals, thresholds);
  const limit = (name) => String(thresholds[name]);
  const severity = audit.severity ?? null;
  const all = [...found.mismatch, ...(found.severity === null ? [] : found.severe.filter((r) => r.name !== 'MISMATCH_ABSOLUTE'))];
  return [
    h('h3', null, severity === null ? t('audit.rulesNone') : t('audit.rules', { severity })),
    found.severity === severity
      ? h('ul', { class: 'mz-rules' }, all.map(ruleItem))
      : h('p', null, t('audit.rulesChanged')),
    h('p', { class: 'mz-note' }, t('audit.rule.mismatch', {
      ratio: percent(limit('MISMATCH_RATIO')), absolute: money(limit('MISMATCH_ABSOLUTE')) })),
    h('p', { class: 'mz-note' }, t('audit.rule.severe', {
      severeRatio: percent(limit('SEVERE_RATIO')), absolute: money(limit('MISMATCH_ABSOLUTE')),
      severeAbsolute: money(limit('SEVERE_ABSOLUTE')) })),
  ];
}

/* thresholds: the members of GET /admin/config, or null where they could not be had. */
export function auditView(audit, extraction, thresholds) {
  if (audit === null || extraction === null) return h('p', null, t('audit.notRead'));
  const head = h('p', null, outcomeBadge(audit.outcome), ' ', severityBadge(audit.severity));
  const totals = totalsOf(extraction);
  if (totals.delta === null || audit.outcome === 'failed') return [head, h('p', null, t('audit.noTotals'))];
  const currency = extraction.currency.value;
  const agrees = compare(totals.computed, parse(audit.computed)) === 0
    && compare(totals.stated, parse(audit.stated)) === 0;
  return [
    head,
    ledger(totals, currency, audit.outcome === 'mismatch'),
    agrees ? null : h('p', { class: 'mz-notice mz-warn', role: 'alert' },
      t('audit.differs', { computed: money(audit.computed, currency) })),
    audit.suspect_reason === null ? null : h('p', null, `⚠ ${t('audit.suspect')}`),
    thresholds === null || audit.outcome === 'exact' ? null : rules(audit, totals, thresholds),
  ];
}
