/* A text field that says how much of its room is used. */
import { h, replace } from '../dom.js';
import { number } from '../format.js';

export function counted({ id, label, max, rows, value, onInput }) {
  const count = h('span', { class: 'mz-note', id: `${id}-count` });
  const say = (text) => replace(count, `${number(Array.from(text).length)} / ${number(max)}`);
  say(value);
  return h('div', null,
    h('label', { class: 'form-label', for: id }, label),
    h('textarea', { id, class: 'form-control', rows, maxlength: max, dir: 'auto', 'aria-describedby': `${id}-count`,
      on: { input: (event) => {
        say(event.target.value);
        onInput(event.target.value);
      } } }, value),
    count);
}
