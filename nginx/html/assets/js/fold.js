/* What makes room: lists and their filters on narrow screens. */
import { h } from './dom.js';
import { t } from './i18n.js';

/* Filters that fold away on a phone, unless they are set: what was searched for is to be seen. */
export function folded(form, isSet) {
  return h('details', { class: 'mz-fold', open: isSet || matchMedia('(min-width: 40rem)').matches },
    h('summary', null, t('ui.filters')), form);
}

/* A list that may be wider than its place is scrolled there, by the keyboard too; the page is not. */
export function listed(table, label) {
  return h('div', { class: 'mz-list mz-scroll', role: 'region', 'aria-label': label, tabindex: '0' }, table);
}
