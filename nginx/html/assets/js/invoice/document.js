/* The document itself, beside what was read from it. */
import { h } from '../dom.js';
import { bytes } from '../format.js';
import { t, addStrings } from '../i18n.js';
import { stranger } from '../terms.js';

addStrings({
  en: {
    'document.title': 'Document',
    'document.shown': 'The document, as it was received',
    'document.open': 'Open in a new tab',
    'document.phone': 'If your device does not show it here, open it in a new tab.',
  },
  tr: {
    'document.title': 'Belge',
    'document.shown': 'Belge, alındığı hâliyle',
    'document.open': 'Yeni sekmede aç',
    'document.phone': 'Cihazınız belgeyi burada göstermiyorsa yeni sekmede açın.',
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
  return [
    h('p', { class: 'mz-document-head' },
      h('span', null, stranger(document.filename, { fold: 80 }), ' ', h('span', { class: 'mz-note' }, bytes(document.bytes))),
      h('a', { href: address, target: '_blank', rel: 'noopener' }, `${t('document.open')} ↗`)),
    view,
    isImage ? null : h('p', { class: 'mz-note d-lg-none' }, t('document.phone')),
  ];
}
