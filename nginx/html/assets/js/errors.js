/* What a problem means to the person in front of the page. */
import { known, t } from './i18n.js';
import { serverText } from './server_texts.js';

/* Where a code leaves open which of several things is wrong: what a person can put right. */
const DETAILS = [
  [/^(?:from is after to|start_date is after end_date)$/, () => t('error.detail.order')],
  [/^from and to are more than (\d+) days$/, (days) => t('error.detail.span', { n: Number(days) })],
];

/* The words of its detail or its code, or null. */
function ownWords(error) {
  for (const [pattern, say] of DETAILS) {
    const found = pattern.exec(error.detail ?? '');
    if (found) return say(...found.slice(1));
  }
  return worded(`error.code.${error.code}`, error);
}

const worded = (key, error) => (known(key) ? t(key, { seconds: error.retryAfter ?? 1 }) : null);
const generalWords = (error) => worded(`error.status.${error.status}`, error) ?? t('error.other');

/* One sentence; where a problem has no words of its own, that of its status. */
export const errorText = (error) => ownWords(error) ?? generalWords(error);

/* The same, with the application's own sentence where there are no words for it here. */
export function errorWords(error) {
  const own = ownWords(error);
  return own ?? [generalWords(error), explains(error) && [' ', serverText(error.detail)]];
}

/* Details of these name the very thing that was wrong. */
function explains(error) {
  return [400, 403, 409, 412, 413, 415, 422].includes(error.status) && Boolean(error.detail);
}
