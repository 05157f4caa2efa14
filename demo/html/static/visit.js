// The visit as the browser's history: a move between views, shops, shoppers, cases or steps is an
// entry of its own, a setting changes the entry it belongs to. Back and Forward restore the entry's
// view; what was changed since within the same case stays as it is now.
calrec.visit = {
  // Names whose new value is a move, by the part of the address; those behind "first" had none
  // before the server named it.
  moves: {
    '': { any: ['user'], first: ['shop'] },
    cases: { any: [], first: ['run', 'case'] },
    catalogue: { any: ['open'], first: [] },
  },
  ids: { ...history.state?.calrec }, // part -> which stay at it this is
  latest: {}, // stay -> the query as it was last
  moved: false,
  place: '',
  leaving: 0,
  pushed: { at: 0, shared: false },

  wrote(part, query) {
    const before = calrec.parts[part] || '';
    if (before === query) return;
    if (calrec.arrived && this.isMove(part, before, query)) {
      this.moved = part === '' ? 'shared' : 'own';
      this.stay(part);
      // Settings and results are of one shopper: the next one's stand for themselves.
      if (part === '') {
        this.stay('walkthrough');
        this.keep('walkthrough', calrec.parts.walkthrough);
      }
    }
    // A page that the shop's change made forget what it showed.
    if (!query && part !== '' && part !== calrec.page) this.stay(part);
    else this.keep(part, query);
    if (part !== '') return;
    calrec.undo.follow(before, query);
    this.left = undefined;
  },

  stay(part) {
    this.ids[part] = `${Date.now()} ${Math.random()}`;
  },

  // Another shop was chosen: what the pages write from now on is of the new one, whose name comes
  // last. Until then the address stays.
  leave() {
    for (const part of Object.keys(calrec.parts)) if (part) this.stay(part);
    this.leaving = Date.now();
    this.left = calrec.parts.walkthrough; // before the new shop's replace them
  },

  isMove(part, before, now) {
    const [old, next] = [new URLSearchParams(before), new URLSearchParams(now)];
    const { any = [], first = [] } = this.moves[part] || {};
    const differs = (name) => (old.get(name) || '') !== (next.get(name) || '');
    // A page that is forgotten, or shown for the first time, goes nowhere.
    if (part !== '' && first.length && !first.some((name) => old.get(name))) return false;
    return any.some(differs) || first.some((name) => old.get(name) && next.get(name) && differs(name));
  },

  keep(part, query) {
    if (query !== undefined) this.latest[`${part}|${this.ids[part] || ''}`] = query;
  },

  write(query) {
    if (Date.now() - this.leaving < 10_000 && !this.moved) return;
    this.leaving = 0;
    const place = `${calrec.page} ${calrec.page === 'walkthrough' ? calrec.step : ''}`;
    const moves = calrec.arrived && (this.moved || (this.place && this.place !== place));
    // A telling case brings a shopper and goes to a step, the Catalogue a shopper and a page: one move.
    const shared = this.moved === 'shared';
    const together = (shared || this.pushed.shared) && Date.now() - this.pushed.at < 1_000;
    [this.place, this.moved] = [place, false];
    const address = `${location.pathname}?${query}`;
    const state = { ...history.state, calrec: { ...this.ids } };
    if (moves && !together) {
      history.pushState({ ...state, top: undefined }, '', address);
      this.pushed = { at: Date.now(), shared };
    } else history.replaceState(state, '', address);
    this.title();
    calrec.links.show();
  },

  title() {
    const shared = new URLSearchParams(calrec.parts['']);
    const own = new URLSearchParams(calrec.parts[calrec.page]);
    const upper = (text) => text.slice(0, 1).toUpperCase() + text.slice(1).replace(/[_-]/g, ' ');
    const what = { walkthrough: shared.get('user'), cases: own.get('case'), catalogue: own.get('open') };
    const view = [upper(calrec.page), what[calrec.page]].filter(Boolean).join(' ');
    document.title = [view, upper(shared.get('shop') || ''), 'CALRec'].filter(Boolean).join(' · ');
  },

  // Back or Forward. Steps are the browser's own; anything else the server shows again.
  pop() {
    const [shared, own] = calrec.parted(location.search);
    const query = new URLSearchParams(location.search);
    const page = query.get('view') || 'walkthrough';
    const ids = history.state?.calrec || {};
    this.leaving = 0;
    const was = { page: calrec.page, shared: calrec.parts[''], own: calrec.parts[page] };
    calrec.page = page;
    document.documentElement.dataset.page = page;
    for (const [part, written] of [['', shared], [page, own]]) {
      if ((ids[part] || '') === (this.ids[part] || '') && calrec.parts[part] !== undefined) continue;
      const before = calrec.parts[part] || '';
      this.ids[part] = ids[part] || '';
      calrec.parts[part] = this.latest[`${part}|${this.ids[part]}`] ?? written;
      if (part === '') calrec.undo.follow(before, calrec.parts['']);
    }
    this.place = `${page} ${page === 'walkthrough' ? Number(query.get('step') ?? 1) : ''}`;
    if (page === 'walkthrough') calrec.go(query.get('step') ?? 1);
    else calrec.write();
    const same = was.shared === calrec.parts[''] && was.own === calrec.parts[page];
    if (same && was.page === page) return;
    if (same && this.openTab(page)) return;
    document.querySelector('#restore')?.click();
  },

  // The server, asked for a view, answers with it.
  wanted() {
    const { wanted } = calrec.undo;
    calrec.undo.wanted = null;
    if (wanted) return `view=walkthrough&${wanted.shared}&${wanted.own}`;
    return `view=${calrec.page}&${calrec.parts['']}&${calrec.parts[calrec.page] || ''}`;
  },

  openTab(page) {
    const tabs = [...document.querySelectorAll('#pages [role="tab"]')];
    const tab = tabs.find((one) => one.textContent.trim().toLowerCase() === page);
    tab?.click();
    return !!tab;
  },
};
calrec.read();
addEventListener('popstate', () => calrec.visit.pop());

// The address of what is shown, for somebody else.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy-link]');
  if (!button) return;
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = 'Link copied';
  } catch {
    // Without HTTPS a page may not write there: the visitor copies it by hand.
    window.prompt('Copy this link:', location.href);
  }
  setTimeout(() => { button.textContent = 'Copy link'; }, 2500);
});
