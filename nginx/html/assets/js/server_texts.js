/*
 * Sentences that the server writes in English (the hint's checks, the flags' messages, the stages of a
 * smoke run), in the reader's language.  What is not listed here is shown, and marked, as the server wrote it.
 */
import { h } from './dom.js';
import { money } from './format.js';
import { language } from './i18n.js';

const sentences = {
  'Compare the decimal and thousands separators of the total and the lines with the document: 1.234,56 against 1,234.56.':
    'Toplamın ve satırların ondalık ve binlik ayraçlarını belgeyle karşılaştırın: 1.234,56 mı, 1,234.56 mı?',
  'Check the total for a missing or an extra digit.':
    'Toplamda eksik veya fazla bir rakam olup olmadığına bakın.',
  'Re-read the fields with the lowest confidence on the document.':
    'Güveni en düşük alanları belgeden yeniden okuyun.',
  'Check the quantity, price and amount of each line for swapped columns.':
    'Her satırda miktar, fiyat ve tutar sütunlarının yer değiştirip değiştirmediğine bakın.',
  'Ask for the original PDF or a sharper scan if digits cannot be made out.':
    'Rakamlar seçilemiyorsa özgün PDF’yi veya daha net bir taramayı isteyin.',
  'Check whether the supplier rounds tax per line or once per invoice.':
    'Satıcının vergiyi satır satır mı, yoksa fatura toplamında bir kez mi yuvarladığına bakın.',
  'Look for a printed rounding amount that was not read.':
    'Belgede basılı olup okunmamış bir yuvarlama tutarı var mı, bakın.',
  'Accept the difference if one of these explains it.':
    'Bunlardan biri farkı açıklıyorsa farkı kabul edin.',
  'Check whether the line amounts already include tax, or the stated total leaves it out: the difference equals the taxes.':
    'Satır tutarları vergi dahil mi, yoksa belgedeki toplam vergi hariç mi, bakın: fark, vergilere eşit.',
  'Check whether the stated total is already net of withheld tax: the difference equals the withheld amount.':
    'Belgedeki toplamdan tevkifat düşülmüş mü, bakın: fark, tevkif edilen tutara eşit.',
  'Check whether the stated total is already net of the prepayment: the difference equals the prepaid amount.':
    'Belgedeki toplamdan ön ödeme düşülmüş mü, bakın: fark, ön ödenen tutara eşit.',
  'Check whether allowances were left out or deducted twice: the difference equals their sum or its double.':
    'İskontolar unutulmuş veya iki kez düşülmüş mü, bakın: fark, toplamlarına veya iki katına eşit.',
  'Check whether charges were left out or added twice: the difference equals their sum.':
    'İlave bedeller unutulmuş veya iki kez eklenmiş mi, bakın: fark, toplamlarına eşit.',
  'Look for a line that was left out or counted twice: the difference equals one line\'s amount.':
    'Unutulmuş veya iki kez sayılmış bir satır arayın: fark, bir satırın tutarına eşit.',
  'Compare each line with the document: the lines do not add up to the printed line total.':
    'Her satırı belgeyle karşılaştırın: satırların toplamı, basılı satır toplamını vermiyor.',
  'Compare each tax with the document: the taxes do not add up to the printed tax total.':
    'Her vergiyi belgeyle karşılaştırın: vergilerin toplamı, basılı vergi toplamını vermiyor.',
  'Add up the lines and compare the sum with the printed subtotal.':
    'Satırları toplayıp basılı ara toplamla karşılaştırın.',
  'Look for allowances, charges or deposits that are printed outside the lines.':
    'Satırların dışında basılı iskonto, ilave bedel veya depozito arayın.',
  'Recalculate each tax from its base and rate.':
    'Her vergiyi matrahından ve oranından yeniden hesaplayın.',
  'Check whether withheld tax or a prepayment is part of the stated total.':
    'Belgedeki toplama tevkifat veya ön ödeme dahil mi, bakın.',
  'Ask the supplier for a corrected invoice if the document itself does not add up.':
    'Belgenin kendisi tutmuyorsa satıcıdan düzeltilmiş fatura isteyin.',
  'All critical fields were read with sufficient confidence.':
    'Kritik alanların hepsi yeterli güvenle okundu.',
  'A critical field was read with low confidence, and the totals differ by a power of ten.':
    'Kritik bir alan düşük güvenle okundu ve toplamlar arasında onun bir kuvveti kadar fark var.',
  'A critical field was read with low confidence.':
    'Kritik bir alan düşük güvenle okundu.',
  'The totals differ by a power of ten although all critical fields were read with sufficient confidence.':
    'Kritik alanların hepsi yeterli güvenle okunduğu hâlde toplamlar arasında onun bir kuvveti kadar fark var.',
  'the invoice states no total': 'faturada toplam tutar yok',
  'another document has the same seller and invoice number':
    'aynı satıcının aynı numaralı faturası başka bir belgede de var',
  'the document could not be read': 'belge okunamadı',
  'impossible date': 'olanaksız tarih',
  'due date before issue date': 'vade tarihi düzenleme tarihinden önce',
  'period ends before it starts': 'dönem, başlamadan bitiyor',
  'unknown currency': 'bilinmeyen para birimi',
  'impossible tax id of the seller': 'satıcının vergi numarası geçersiz',
  'impossible tax id of the buyer': 'alıcının vergi numarası geçersiz',
  'ETTN is not a UUID': 'ETTN, UUID biçiminde değil',
  'the total could not be checked: no parts add up to one':
    'toplam denetlenemedi: onu verecek parçalar yok',
  'no worker is alive': 'çalışan worker yok',
};

const fieldNames = {seller: 'satıcı', invoice_number: 'fatura numarası', issue_date: 'düzenleme tarihi',
  currency: 'para birimi', tax_exclusive_amount: 'vergiler hariç tutar', tax_total: 'vergi toplamı',
  tax_inclusive_amount: 'vergiler dahil tutar', payable_amount: 'ödenecek tutar'};
const fieldList = names => names.split(', ').map(n => fieldNames[n] ?? n).join(', ');

/* Messages with figures or names in them. */
const patterns = [
  [/^the document could not be read \((.*)\)$/, (m, reason) => `belge okunamadı (${reason})`],
  [/^missing: (.*)$/, (m, names) => `eksik: ${fieldList(names)}`],
  [/^read with low confidence: (.*)$/, (m, names) => `düşük güvenle okundu: ${fieldList(names)}`],
  [/^(\d+) of (\d+) taxes differ from base times rate, the first is tax (\d+)$/,
    (m, off, all, first) => `${all} vergiden ${off} tanesi matrah × oran ile tutmuyor, ilki ${first}. vergi`],
  [/^(\d+) of (\d+) lines differ from quantity times unit price, the first is line (\d+)$/,
    (m, off, all, first) => `${all} satırdan ${off} tanesi miktar × birim fiyat ile tutmuyor, ilki ${first}. satır`],
  [/^no worker took the job; (\d+) alive, busy with other jobs$/,
    (m, alive) => `işi alan worker olmadı; çalışan ${alive} worker başka işlerle meşgul`],
  [/^the provider had not answered after (\d+) ms$/, (m, ms) => `sağlayıcı ${ms} ms sonra hâlâ yanıt vermemişti`],
  [/^the total was read as (.*); the invoice says (\S+)$/,
    (m, read, printed) => `toplam ${read === 'nothing' ? 'okunamadı' : `${read} okundu`}; faturada ${printed} yazıyor`],
  [/^the outcome is (\S*); the invoice adds up exactly$/, (m, outcome) => `sonuç ${outcome || '–'}; oysa fatura tam tutuyor`],
];
const figures = /^stated (\S+), computed (\S+), difference (\S+), ratio (\S+)$/;

function inTurkish(text) {
  if (text in sentences)
    return sentences[text];
  for (const [pattern, say] of patterns)
    if (pattern.test(text))
      return text.replace(pattern, say);
  const items = text.split(', ');
  return items.every(item => item in sentences) ? items.map(item => sentences[item]).join(', ') : null;
}

function inFigures(text) {
  const m = figures.exec(text);
  if (m === null)
    return null;
  const [stated, computed, difference, ratio] = m.slice(1).map(n => money(n));
  return language() === 'tr'
    ? `belgede ${stated}, hesaplanan ${computed}, fark ${difference}, oran ${ratio}`
    : `stated ${stated}, computed ${computed}, difference ${difference}, ratio ${ratio}`;
}

/* As text of a stranger: names and words that were read may be part of it. */
export function serverText(text) {
  const translated = inFigures(text) ?? (language() === 'en' ? text : inTurkish(text));
  return h('bdi', { class: 'mz-stranger', lang: translated === null ? 'en' : null }, translated ?? text);
}
