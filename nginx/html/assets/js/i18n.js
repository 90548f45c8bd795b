/*
 * Two languages.  The reader's browser chooses (navigator.languages, which it sends as
 * Accept-Language) until the reader does; that choice is remembered.
 */
const LANGUAGES = ['en', 'tr'];
const STORED = 'mizan.language';
const strings = { en: new Map(), tr: new Map() };

let current = LANGUAGES.includes(stored()) ? stored() : preferred();

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage may be forbidden
  }
}

function preferred() {
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((language) => LANGUAGES.includes(language)) ?? 'en';
}

export function language() {
  return current;
}

/* For Intl: the reader's own variety of the language (en-GB), if the browser names one. */
export function locale() {
  return navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === current) ?? current;
}

/* Tells the window by the event mizan:language. */
export function setLanguage(chosen) {
  current = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // then it holds for this page alone
  }
  window.dispatchEvent(new Event('mizan:language'));
}

/* {en: {key: text}, tr: {…}}: one space of keys for all modules, so pages prefix theirs ("jobs.title"). */
export function addStrings(more) {
  for (const each of LANGUAGES) {
    for (const [key, text] of Object.entries(more[each])) strings[each].set(key, text);
  }
}

export function known(key) {
  return strings[current].has(key);
}

/*
 * The text of a key; {name} in it becomes params.name.  Where params.n is a number and the key has
 * a form for it ("jobs.count.one"), that form; Turkish needs none.
 */
export function t(key, params = {}) {
  let text = strings[current].get(key);
  if (typeof params.n === 'number') {
    text = strings[current].get(`${key}.${new Intl.PluralRules(current).select(params.n)}`) ?? text;
  }
  if (text === undefined) {
    console.error(`no text for '${key}' in '${current}'`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    return typeof value === 'number' ? new Intl.NumberFormat(locale()).format(value) : value ?? whole;
  });
}
