// The address follows the view: each page writes its query into a hidden box, the shell puts the
// query of the open page behind the session's. The step of the walkthrough is a matter of the page
// alone, so it never goes to the server.
window.calrec = {
  parts: {},
  page: ['cases', 'metrics', 'catalogue', 'embeddings'].find(
    (name) => name === new URLSearchParams(location.search).get('view')) || 'walkthrough',
  arrived: false,
  step: Math.min(Math.max(Math.trunc(Number(new URLSearchParams(location.search).get('step') ?? 1)) || 0, 0), 5),

  address(part, query) {
    this.visit.wrote(part, query || '');
    this.parts[part] = query || '';
    if (part === '' || part === this.page) this.write();
  },

  // The first tab opens itself before the server has read the address.
  open(page) {
    if (!this.arrived) return;
    this.page = page;
    document.documentElement.dataset.page = page;
    this.write();
    // Plots drawn while hidden have no width yet.
    setTimeout(() => window.dispatchEvent(new Event('resize')), 60);
  },

  // Until the pages have written their own, the address stays as it came.
  read() {
    [this.parts[''], this.parts[this.page]] = this.parted(location.search);
  },

  // What all pages share of an address, and the page's own.
  parted(search) {
    const shared = ['shop', 'user', 'item', 'target', 'emptied'];
    const own = [[], []];
    for (const [name, value] of new URLSearchParams(search)) {
      if (['view', 'step', 'story', 'mode', '__theme'].includes(name)) continue;
      own[shared.includes(name) ? 0 : 1].push([name, value]);
    }
    return own.map((pairs) => new URLSearchParams(pairs).toString());
  },

  arrive() {
    this.arrived = true;
    document.documentElement.dataset.arrived = '';
    this.arrival.arrived();
    this.undo.show();
    this.showMode();
    this.write();
  },

  go(step) {
    this.step = Math.min(Math.max(Number(step) || 0, 0), 5);
    document.documentElement.dataset.step = this.step;
    document.querySelectorAll('#steps [data-go]').forEach((button) => {
      button.setAttribute('aria-current', Number(button.dataset.go) === this.step ? 'step' : 'false');
    });
    this.showPill();
    this.write();
    setTimeout(() => window.dispatchEvent(new Event('resize')), 60);
  },

  // Presenter hides the machinery, Expert shows it.
  setMode(expert) {
    this.expert = expert;
    document.documentElement.dataset.mode = expert ? 'expert' : 'presenter';
    this.showMode();
    if (this.arrived) this.write();
  },

  showMode() {
    document.querySelectorAll('[data-expert]').forEach((button) => {
      button.setAttribute('aria-pressed', String(this.expert));
    });
  },

  query() {
    const before = new URLSearchParams(location.search);
    const kept = before.get('__theme') ? [`__theme=${encodeURIComponent(before.get('__theme'))}`] : [];
    const own = [`view=${this.page}`, this.parts[''], this.parts[this.page]];
    if (this.page === 'walkthrough' && this.step !== 1) own.push(`step=${this.step}`);
    if (this.page === 'walkthrough' && this.story?.at) own.push(`story=${this.story.at}`);
    if (this.expert) own.push('mode=expert');
    return [...kept, ...own].filter(Boolean).join('&');
  },

  write() {
    this.visit.write(this.query());
  },

  // The current step's button, where the row of steps is wider than the window.
  showPill() {
    const pill = document.querySelector('#steps [aria-current="step"]');
    const row = pill?.closest('.cr-steps');
    if (!row) return;
    const [inner, outer] = [pill.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  },

  // A recommendation starts: whoever looks at the history sees the texts come. Without a history it
  // does not, and beside the history stands why.
  started() {
    const shown = new URLSearchParams(this.parts['']);
    const empty = !shown.get('item') && (!shown.get('user') || shown.get('emptied'));
    if (empty && this.step > 1) this.go(1);
    else if (empty) return;
    else if (this.step === 1 || this.step === 2) this.go(3);
  },

  // Keys belong to whoever types.
  typing() {
    const focus = document.activeElement;
    if (!focus) return false;
    const pressed = ['checkbox', 'radio', 'button'].includes(focus.type);
    return focus.isContentEditable || (['INPUT', 'TEXTAREA', 'SELECT'].includes(focus.tagName) && !pressed);
  },
};
document.documentElement.dataset.page = calrec.page;
document.documentElement.dataset.step = calrec.step;
calrec.setMode(new URLSearchParams(location.search).get('mode') === 'expert');
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-expert]')) calrec.setMode(!calrec.expert);
});
// The steps' buttons are drawn after this script has run, and again with every new content.
new MutationObserver(() => {
  const current = document.querySelector(`#steps [data-go="${calrec.step}"]`);
  if (!current || current.getAttribute('aria-current') === 'step') return;
  current.setAttribute('aria-current', 'step');
  calrec.showPill();
}).observe(document.documentElement, { childList: true, subtree: true });

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-go]');
  if (!button) return;
  calrec.go(button.dataset.go);
  const top = document.querySelector('#pages');
  if (top && top.getBoundingClientRect().top < 0) top.scrollIntoView();
});
document.addEventListener('keydown', (event) => {
  if (calrec.page !== 'walkthrough' || calrec.typing() || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key >= '0' && event.key <= '5') calrec.go(event.key);
});

// A token of an opened text shows what else might have stood in its place.
document.addEventListener('click', (event) => {
  const token = event.target.closest('.cr-token');
  if (!token) return;
  const box = token.closest('.cr-strip-box');
  const open = token.getAttribute('aria-pressed') === 'true';
  box.querySelectorAll('.cr-token').forEach((other) => {
    other.setAttribute('aria-pressed', String(other === token && !open));
  });
  box.querySelectorAll('[data-of]').forEach((panel) => {
    panel.hidden = open || panel.dataset.of !== token.dataset.token;
  });
});
