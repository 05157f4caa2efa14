// Links from one page's part to another page's. A plain click stays in this document: it is an entry
// of the visit like any move, and the view that it leaves is shown again as it was, at the same place,
// by Back or by the line above the pages. Any other click is the browser's: the link is an address.
calrec.links = {
  follow(address) {
    const asked = new URLSearchParams(address);
    const page = asked.get('view');
    const [shared, own] = calrec.parted(address);
    const { ids } = calrec.visit;
    // The history stays the visitor's own, unless the link is of another shop.
    const shop = new URLSearchParams(calrec.parts['']).get('shop');
    const stays = !shop || shop === asked.get('shop');
    if (stays && page === calrec.page && own === calrec.parts[page]) return;
    this.leave();
    const from = { page: calrec.page, query: location.search, ids: { ...ids }, top: scrollY, at: page };
    const fresh = `${Date.now()} ${Math.random()}`;
    const next = { ...ids, [page]: fresh, ...(stays ? {} : { '': fresh }) };
    const query = [`view=${page}`, stays ? calrec.parts[''] : shared, own].filter(Boolean).join('&');
    history.pushState({ calrec: next, from }, '', `?${query}`);
    calrec.visit.pop();
    scrollTo(0, 0);
    this.show();
  },

  // To the view from which a link led here.
  back() {
    const { from } = history.state || {};
    if (!from) return;
    this.leave();
    history.pushState({ calrec: { ...calrec.visit.ids, ...from.ids }, top: from.top }, '', from.query);
    calrec.visit.pop();
    this.restore(from.top);
    this.show();
  },

  // Where the view stood when it was left.
  leave() {
    history.replaceState({ ...history.state, top: scrollY }, '');
  },

  // The view may still be drawn: until it is long enough, or somebody scrolls.
  restore(top) {
    if (top === undefined) return;
    const until = Date.now() + 4_000;
    let touched = false;
    const stop = () => { touched = true; };
    for (const kind of ['wheel', 'touchstart', 'keydown']) addEventListener(kind, stop, { once: true });
    const again = () => {
      if (touched) return;
      scrollTo(0, top);
      if (Date.now() < until && Math.abs(scrollY - top) > 2) setTimeout(again, 60);
    };
    setTimeout(again, 60);
  },

  // The line above the pages.
  show() {
    const line = document.querySelector('#way-back a');
    const { from } = history.state || {};
    if (!line) return;
    line.hidden = !from || from.at !== calrec.page;
    if (line.hidden) return;
    line.href = from.query;
    line.querySelector('b').textContent = from.page.slice(0, 1).toUpperCase() + from.page.slice(1);
  },
};

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="?"]');
  if (!link || event.defaultPrevented || event.button || link.target) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const address = link.getAttribute('href');
  const isBack = link.closest('#way-back');
  // A link that brings a history of its own, as that into the walkthrough, is loaded.
  const brings = ['user', 'item', 'target', 'emptied'].some((name) => new URLSearchParams(address).has(name));
  if (brings && !isBack) return;
  event.preventDefault();
  if (isBack) calrec.links.back();
  else calrec.links.follow(address);
});
addEventListener('popstate', (event) => {
  calrec.links.restore(event.state?.top);
  calrec.links.show();
});

// A point of a picture leads where its figure says: `meta.leads` is an address, which a point's
// `customdata` completes or, where it is empty, is. Plotly forgets listeners when it draws anew.
calrec.pictures = {
  hear(plot) {
    if (!plot.on || plot.hears === plot.on) return;
    plot.hears = plot.on;
    plot.on('plotly_hover', (event) => plot.classList.toggle('cr-leads', !!this.address(plot, event)));
    plot.on('plotly_unhover', () => plot.classList.remove('cr-leads'));
    plot.on('plotly_click', (event) => {
      const address = this.address(plot, event);
      clearTimeout(this.going);
      // A double click zooms out again: it goes nowhere.
      const twice = Date.now() - (this.clicked || 0) < 350;
      this.clicked = Date.now();
      if (address && !twice) this.going = setTimeout(() => calrec.links.follow(address), 320);
    });
  },

  address(plot, event) {
    const leads = plot.layout?.meta?.leads;
    const data = event.points?.[0]?.customdata;
    if (leads === undefined || typeof data !== 'string' || !data) return '';
    return leads ? leads + encodeURIComponent(data) : data;
  },
};
// Not when the pointer enters alone: it may rest on a picture that is drawn anew.
for (const kind of ['pointermove', 'pointerdown']) {
  document.addEventListener(kind, (event) => {
    const plot = event.target.closest?.('.js-plotly-plot');
    if (plot) calrec.pictures.hear(plot);
  });
}
