/* The quality of a reading, as deductions that add up from 100, and the hint's checks. */
import { h } from '../dom.js';
import { t, addStrings } from '../i18n.js';
import { number } from '../format.js';
import { actionWord, flagWord, gradeBadge, severityBadge } from '../terms.js';
import { serverText } from '../server_texts.js';

addStrings({
  en: {
    'quality.title': 'Quality', 'quality.caption': 'How the score comes about',
    'quality.start': 'Start', 'quality.score': 'Score', 'quality.floor': 'Not less than 0',
    'quality.noFlags': 'Nothing was flagged.',
    'hint.title': 'What to check', 'hint.suspect.OCR_LOCALE_SUSPECT': 'Likely cause: separators or digits were misread.',
    'hint.suspect.ROUNDING': 'Likely cause: rounding.',
    'hint.suspect.INVOICE_LOGIC': 'Likely cause: the invoice itself does not add up, or a part of it was not counted.',
    'hint.order': 'Likeliest first. Ticks are for you; they are not saved.',
  },
  tr: {
    'quality.title': 'Kalite', 'quality.caption': 'Puan nasıl oluştu',
    'quality.start': 'Başlangıç', 'quality.score': 'Puan', 'quality.floor': 'En az 0',
    'quality.noFlags': 'İşaretlenen bir sorun yok.',
    'hint.title': 'Neyi kontrol etmeli', 'hint.suspect.OCR_LOCALE_SUSPECT': 'Olası neden: ayraçlar veya rakamlar yanlış okundu.',
    'hint.suspect.ROUNDING': 'Olası neden: yuvarlama.',
    'hint.suspect.INVOICE_LOGIC': 'Olası neden: faturanın kendisi tutmuyor ya da bir parçası hesaba katılmadı.',
    'hint.order': 'En olasısı başta. İşaretler size yardımcı olsun diyedir; kaydedilmez.',
  },
});

const SUSPECTS = ['OCR_LOCALE_SUSPECT', 'ROUNDING', 'INVOICE_LOGIC'];
const FULL_SCORE = 100;

export function qualityView(quality) {
  if (quality === null) return h('p', { class: 'mz-soft' }, '–');
  const flags = quality.flag_details;
  const deducted = flags.reduce((sum, flag) => sum + flag.deduction, 0);
  const line = (kind, label, points) => h('tr', { class: kind },
    h('th', { scope: 'row' }, label), h('td', { class: 'mz-ledger-points' }, points));
  return [
    h('p', null, gradeBadge(quality.grade), ' ', h('strong', null, `${number(quality.score)} / ${number(FULL_SCORE)}`)),
    flags.length === 0 ? h('p', null, t('quality.noFlags'))
      : h('table', { class: 'mz-ledger' },
        h('caption', { class: 'visually-hidden' }, t('quality.caption')),
        h('colgroup', null, h('col'), h('col', { class: 'mz-col-points' })),
        h('tbody', null, line('', t('quality.start'), number(FULL_SCORE)),
          flags.map((flag) => line('', [
            flagWord(flag.code), ' ', severityBadge(flag.severity),
            h('small', { class: 'mz-note d-block' }, serverText(flag.message)),
          ], `− ${number(flag.deduction)}`)),
          deducted > FULL_SCORE ? line('', t('quality.floor'), `+ ${number(deducted - FULL_SCORE)}`) : null),
        h('tbody', null, line('mz-ledger-sum', t('quality.score'), `= ${number(quality.score)}`)))];
}

/* ticked: a set of the numbers of the checks that are done, which it keeps up to date. */
export function hintView(hint, ticked) {
  const suspect = SUSPECTS.includes(hint.primary_suspect) ? t(`hint.suspect.${hint.primary_suspect}`) : hint.primary_suspect;
  const toggle = (i) => (event) => (event.target.checked ? ticked.add(i) : ticked.delete(i));
  return [
    h('p', null, h('strong', null, `→ ${actionWord(hint.action_class)}`)),
    h('p', null, suspect, ' ', hint.confidence_note ? serverText(hint.confidence_note) : null),
    h('ol', { class: 'mz-checks' }, hint.recommended_checks.map((check, i) => h('li', null,
      h('label', null,
        h('input', { type: 'checkbox', class: 'form-check-input', checked: ticked.has(i), on: { change: toggle(i) } }),
        h('span', null, serverText(check)))))),
    h('p', { class: 'mz-note' }, t('hint.order')),
  ];
}
