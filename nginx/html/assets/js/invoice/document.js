/* The document itself, beside what was read from it. */
import { isGone } from '../api.js';
import { h, replace } from '../dom.js';
import { bytes } from '../format.js';
import { t, addStrings } from '../i18n.js';
import { stranger } from '../terms.js';

addStrings({
  en: {
    'document.title': 'Document',
    'document.shown': 'The document, as it was received',
    'document.open': 'Open in a new tab',
    'document.phone': 'If your device does not show it here, open it in a new tab.',
    'document.expired': 'The file has been kept for as long as it had to be and is gone; what was read from it stays. Uploading it again brings it back.',
  },
  tr: {
    'document.title': 'Belge',
    'document.shown': 'Belge, alındığı hâliyle',
    'document.open': 'Yeni sekmede aç',
    'document.phone': 'Cihazınız belgeyi burada göstermiyorsa yeni sekmede açın.',
    'document.expired': 'Dosyanın saklama süresi doldu ve silindi; ondan okunanlar duruyor. Yeniden yüklenirse geri gelir.',
  },
});

/* path: of the incident or job that the document belongs to. */
export function documentView(path, document) {
  const address = `${path}/document`;
  const isImage = document.media_type.startsWith('image/');
  const view = isImage
    ? h('a', { href: address, target: '_blank', rel: 'noopener' },
      h('img', { class: 'mz-document-image', src: address, alt: t('document.shown') }))
    : h('iframe', { class: 'mz-document-frame', src: address, title: t('document.shown') });
  const name = h('span', null, stranger(document.filename, { fold: 80 }), ' ', h('span', { class: 'mz-note' }, bytes(document.bytes)));
  const place = h('div', null,
    h('p', { class: 'mz-document-head' }, name,
      h('a', { href: address, target: '_blank', rel: 'noopener' }, `${t('document.open')} ↗`)),
    view,
    isImage ? null : h('p', { class: 'mz-note d-lg-none' }, t('document.phone')));
  isGone(address, document.sha256).then((gone) => {
    if (gone) replace(place, h('p', { class: 'mz-document-head' }, name), h('p', { class: 'mz-notice' }, t('document.expired')));
  });
  return place;
}
