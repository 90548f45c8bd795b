/* A text field that says how much of its room is used, in characters as the server counts them. */
import { h, replace } from './dom.js';
import { number } from './format.js';
import { t } from './i18n.js';

/* onInput(text); attributes: of the textarea.  What is too long is kept, but its form cannot be sent. */
export function counted({ id, label, max, value, onInput, ...attributes }) {
  const count = h('span', { class: 'mz-note', id: `${id}-count` });
  const field = h('textarea', { id, class: 'form-control', dir: 'auto', 'aria-describedby': `${id}-count`, ...attributes,
    on: { input: () => {
      measure();
      onInput?.(field.value);
    } } }, value);
  function measure() {
    const used = Array.from(field.value).length;
    replace(count, `${number(used)} / ${number(max)}`);
    field.setCustomValidity(used > max ? t('ui.too_long', { n: used - max }) : '');
  }
  measure();
  return h('div', null, h('label', { class: 'form-label', for: id }, label), field, count);
}
