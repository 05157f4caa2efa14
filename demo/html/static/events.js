// What the pages' events do in the browser alone; the server names these functions.
Object.assign(calrec, {
  // The server could not show the page.
  failed() {
    this.arrival.failed();
  },

  // A plot drawn while folded away has no width yet.
  resize() {
    setTimeout(() => window.dispatchEvent(new Event('resize')), 80);
  },

  // Takes the file that was just written to the visitor.
  fetchFile(button = '#case-file') {
    setTimeout(() => document.querySelector(button)?.click(), 150);
  },

  // Whoever has typed a line goes on with keys.
  leave() {
    document.activeElement?.blur();
  },

  // Opens and closes the catalogue's filters on a narrow screen.
  foldFilters() {
    const open = document.querySelector('.cr-choose').toggleAttribute('data-open');
    document.querySelector('#catalogue-fold').setAttribute('aria-expanded', open);
  },

  // Another moment, which sets the job off. New texts: none of them is open.
  start() {
    this.started();
    return [String(Date.now()), -1];
  },

  // The view that the address has come back to, with what the server keeps to itself.
  restored(_, visitor, opened) {
    return [this.visit.wanted(), visitor, opened];
  },

  // A telling case comes with its result.
  opened() {
    if (this.step === 1 && !this.story.at) this.go(3);
  },

  undone() {
    const { wanted } = this.undo;
    this.undo.wanted = null;
    return `${wanted.shared}&${wanted.own}`;
  },

  leaves() {
    this.visit.leave();
  },

  // Shows Recommend or Stop at once, even while the server is busy. The line stands in the status
  // of a running job, which the job then overwrites; else in the message, and the status is hidden,
  // as updates may still arrive after Stop. What stands in the results' places goes with the start.
  runs(running, line, places) {
    const updates = [
      { visible: !running },
      { visible: running },
      { value: running ? '' : line },
      { value: running ? line : '', visible: running },
      ...places.map((value) => ({ value, visible: true })),
    ];
    return updates.map((update) => ({ __type__: 'update', ...update }));
  },
});
