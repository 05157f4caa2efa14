// The report: views that a person collects, each an address with a title and a note. The list is
// this browser's, so that it outlives a switch of pages, and of tabs; the server sees it only when
// it makes a page of it.
calrec.report = {
  key: `calrec-report ${location.pathname}`,
  drawn: null,

  read() {
    try {
      const found = JSON.parse(localStorage.getItem(this.key));
      if (Array.isArray(found?.views)) return found;
    } catch { /* what another release wrote */ }
    return { title: '', views: [] };
  },

  // Another tab may have changed it since: what is there now is changed.
  change(edit) {
    const report = this.read();
    edit(report);
    try {
      localStorage.setItem(this.key, JSON.stringify(report));
    } catch {
      calrec.arrival.say('This browser keeps no more for the report: remove a view, or shorten a note.');
    }
  },

  most() {
    return Number(document.querySelector('.cr-views')?.dataset.most) || 20;
  },

  // Adds what is on the screen; says in the button what came of it.
  add(button) {
    const query = calrec.query().replace(/(^|&)__theme=[^&]*/, '').replace(/^&/, '');
    let said = 'Added';
    if (calrec.page === 'walkthrough' && document.querySelector('#stale .cr-notice')) {
      said = 'Press Recommend first';
    } else {
      this.change((report) => {
        if (report.views.some((one) => one.query === query)) said = 'Already in the report';
        else if (report.views.length >= this.most()) said = `At most ${this.most()} views`;
        else report.views.push({ query, title: document.title.replace(/ · CALRec$/, ''), note: '' });
      });
    }
    this.draw();
    button.textContent = said;
    clearTimeout(button.saying);
    button.saying = setTimeout(() => { button.textContent = 'Add to report'; }, 2500);
  },

  open(shown) {
    document.documentElement.toggleAttribute('data-report', shown);
    document.querySelector('[data-report-open]')?.setAttribute('aria-expanded', String(shown));
    if (shown) document.querySelector('.cr-tray-title')?.focus();
    else document.querySelector('[data-report-open]')?.focus();
  },

  // The list as it is; a box that somebody types in stays.
  draw() {
    const report = this.read();
    const button = document.querySelector('[data-report-open]');
    if (button) {
      button.hidden = !report.views.length;
      button.querySelector('[data-count]').textContent = report.views.length;
    }
    const list = document.querySelector('.cr-views');
    const form = document.querySelector('#report-view');
    if (!list || !form) return;
    this.drawn = list;
    document.querySelector('[data-report-title]').value = report.title || '';
    list.replaceChildren(...report.views.map((view, place) => {
      const line = form.content.cloneNode(true).firstElementChild;
      line.dataset.place = place;
      for (const box of line.querySelectorAll('[data-field]')) box.value = view[box.dataset.field] || '';
      line.querySelector('[data-open]').href = `${location.pathname}?${view.query}`;
      line.querySelector('[data-move="-1"]').disabled = place === 0;
      line.querySelector('[data-move="1"]').disabled = place === report.views.length - 1;
      return line;
    }));
    if (!report.views.length && document.documentElement.hasAttribute('data-report')) this.open(false);
  },

  move(place, way) {
    this.change(({ views }) => {
      const [view] = views.splice(place, 1);
      if (way && view) views.splice(place + way, 0, view);
    });
    this.draw();
    const lines = document.querySelectorAll('.cr-view');
    const line = lines[Math.min(place + way, lines.length - 1)];
    const button = line?.querySelector(`[data-move="${way}"]:not(:disabled)`) || line?.querySelector('[data-move="0"]');
    button?.focus();
  },
};
// What the server makes a page of.
calrec.reported = function reported() {
  const base = location.origin + location.pathname;
  return JSON.stringify({ ...this.report.read(), base });
};

document.addEventListener('click', (event) => {
  const button = event.target.closest(
    '[data-collect], [data-report-open], [data-report-close], [data-report-empty], .cr-view [data-move]',
  );
  if (!button || button.disabled) return;
  const { report } = calrec;
  if (button.matches('[data-collect]')) report.add(button);
  else if (button.matches('[data-report-open]')) report.open(!document.documentElement.hasAttribute('data-report'));
  else if (button.matches('[data-report-close]')) report.open(false);
  else if (button.matches('[data-move]')) {
    report.move(Number(button.closest('.cr-view').dataset.place), Number(button.dataset.move));
  } else if (window.confirm('Remove all views from the report, with their notes?')) {
    report.change((all) => { [all.title, all.views] = ['', []]; });
    report.draw();
  }
});
document.addEventListener('input', (event) => {
  const box = event.target;
  const place = box.closest('.cr-view')?.dataset.place;
  if (box.matches('[data-report-title]')) calrec.report.change((report) => { report.title = box.value; });
  else if (box.matches('.cr-view [data-field]')) {
    calrec.report.change(({ views }) => { if (views[place]) views[place][box.dataset.field] = box.value; });
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && event.target.closest?.('#report-tray')) calrec.report.open(false);
});
// Another tab has changed it.
addEventListener('storage', (event) => {
  if (event.key === calrec.report.key) calrec.report.draw();
});
// Who comes next at this browser does not find it.
document.addEventListener('submit', (event) => {
  if (event.target.matches('.cr-logout')) localStorage.removeItem(calrec.report.key);
});
// Gradio draws the list later than this script runs, and anew with its page.
new MutationObserver(() => {
  const list = document.querySelector('.cr-views');
  if (list && list !== calrec.report.drawn) calrec.report.draw();
}).observe(document.documentElement, { childList: true, subtree: true });
