// Undo and redo of the history, whatever changed it: a click too many, a telling case, another shop.
calrec.undo = {
  past: [],
  future: [],
  expected: null,
  most: 50,

  // The history was one query and is another now.
  follow(before, now) {
    if (this.expected === now) this.expected = null;
    else if (calrec.arrived && !this.same(before, now)) {
      this.past.push(this.entry(before));
      this.past.splice(0, this.past.length - this.most);
      [this.future, this.expected] = [[], null];
    }
    this.store();
  },

  // An address need not name the first shop.
  same(before, now) {
    const [old, next] = [new URLSearchParams(before), new URLSearchParams(now)];
    if (!old.get('shop')) next.delete('shop');
    return old.toString() === next.toString();
  },

  // With the walkthrough's settings: a telling case brings a seed of its own.
  entry(shared) {
    return { shared, own: calrec.visit.left ?? calrec.parts.walkthrough ?? '' };
  },

  step(from, to) {
    const wanted = from.pop();
    if (!wanted) return;
    to.push(this.entry(calrec.parts['']));
    [this.expected, this.wanted] = [wanted.shared, wanted];
    this.store();
    const shop = (query) => new URLSearchParams(query).get('shop');
    if (shop(wanted.shared) === shop(calrec.parts[''])) document.querySelector('#undo-history')?.click();
    else {
      calrec.visit.leave();
      document.querySelector('#restore')?.click();
    }
  },

  back() { this.step(this.past, this.future); },
  again() { this.step(this.future, this.past); },

  store() {
    sessionStorage.setItem('calrec-undo', JSON.stringify([this.past, this.future]));
    this.show();
  },

  // Gradio draws the buttons later than this script runs, and anew with their content.
  show() {
    for (const [name, stack] of [['undo', this.past], ['redo', this.future]]) {
      const last = stack.at(-1);
      document.querySelectorAll(`[data-history="${name}"]`).forEach((button) => {
        button.disabled = !last;
        button.title = last ? `Back to ${this.named(last.shared)}` : '';
      });
    }
  },

  named(query) {
    const of = new URLSearchParams(query);
    const items = of.getAll('item').length;
    if (of.get('user')) return `shopper ${of.get('user')}${items ? ', edited' : ''}`;
    return items ? `a history of ${items} purchase${items > 1 ? 's' : ''}` : 'an empty history';
  },
};
try {
  [calrec.undo.past, calrec.undo.future] = JSON.parse(sessionStorage.getItem('calrec-undo')) || [[], []];
} catch { /* what another release wrote */ }

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-history]');
  if (button) calrec.undo[button.dataset.history === 'undo' ? 'back' : 'again']();
});
document.addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== 'z') return;
  if (calrec.typing() || !['walkthrough', 'catalogue'].includes(calrec.page)) return;
  event.preventDefault();
  calrec.undo[event.shiftKey ? 'again' : 'back']();
});
