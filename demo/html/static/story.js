// The story of a result: five stops with a sentence each. The server writes what they say; here is
// which one is told, and that the part it speaks of is in sight. The address names the stop.
calrec.story = {
  at: 0, // which stop, from 1; 0: none is told
  wanted: Math.trunc(Number(new URLSearchParams(location.search).get('story'))) || 0,
  words: '', // all that the stops on the page say

  stops() {
    return [...document.querySelectorAll('#story .cr-stops li')];
  },

  // Tells a stop, or waits for the result that it belongs to.
  tell(at) {
    const stops = this.stops();
    if (!stops.length) {
      this.wanted = at;
      return;
    }
    const first = !this.at;
    [this.at, this.wanted] = [Math.min(Math.max(at, 1), stops.length), 0];
    calrec.go(stops[this.at - 1].dataset.step);
    this.show();
    if (!first) return;
    document.querySelector('#story-bar [data-turn="1"]')?.focus({ preventScroll: true });
    this.ask();
  },

  // Which purchase is behind the first item takes the model a second: it is there at its stop.
  ask() {
    if (document.querySelector('#story .cr-stops[data-asks]')) document.querySelector('#explain')?.click();
  },

  leave() {
    if (!this.at) return;
    const inside = document.activeElement?.closest('#story-bar');
    this.at = 0;
    this.show();
    calrec.write();
    if (inside) document.querySelector('[data-tell]')?.focus({ preventScroll: true });
  },

  show() {
    const stop = this.stops()[this.at - 1];
    document.querySelectorAll('[data-told]').forEach((part) => delete part.dataset.told);
    const bar = document.querySelector('.cr-story-bar');
    if (!bar) return;
    bar.hidden = !stop;
    if (!stop) {
      delete document.documentElement.dataset.story;
      return;
    }
    document.documentElement.dataset.story = this.at;
    this.fill(bar, stop);
    const part = document.getElementById(stop.dataset.part);
    if (!part) return;
    part.dataset.told = '';
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    // Behind the step's change, which moves everything.
    requestAnimationFrame(() => part.scrollIntoView({ block: 'start', behavior: still ? 'instant' : 'smooth' }));
  },

  fill(bar, stop) {
    const last = this.stops().length;
    const texts = { '[data-at]': `${this.at} of ${last} · ${stop.dataset.title}`, '.cr-story-said': stop.textContent };
    for (const [place, text] of Object.entries(texts)) {
      const element = bar.querySelector(place);
      // What is the same is not read out again.
      if (element.textContent !== text) element.textContent = text;
    }
    // Not disabled, which would take the focus away.
    bar.querySelector('[data-turn="-1"]').setAttribute('aria-disabled', String(this.at === 1));
    bar.querySelector('[data-turn="1"]').setAttribute('aria-disabled', String(this.at === last));
  },

  // Whether the result on the page is that of a telling case: the same one makes nothing new.
  isOf({ id, seed }) {
    const of = new URLSearchParams(`${calrec.parts['']}&${calrec.parts.walkthrough || ''}`);
    return of.get('user') === id && !of.get('item') && (of.get('seed') || '0') === seed && !!of.get('written');
  },

  turn(way) {
    const next = this.at + way;
    if (next >= 1 && next <= this.stops().length) this.tell(next);
  },

  // Another result, or another word on this one: gradio writes it into the elements that are there.
  follow() {
    const words = document.querySelector('#story .cr-stops')?.textContent || '';
    if (words === this.words) return;
    this.words = words;
    if (this.wanted && words) this.tell(this.wanted);
    else if (this.at && words) this.fill(document.querySelector('.cr-story-bar'), this.stops()[this.at - 1]);
    else if (this.at) {
      [this.wanted, this.at] = [this.at, 0];
      this.show();
    }
  },
};
new MutationObserver(() => calrec.story.follow()).observe(document.documentElement, { childList: true, subtree: true });

document.addEventListener('click', (event) => {
  const button = event.target.closest('button:is([data-tell], [data-story], [data-turn])');
  const { story } = calrec;
  if (!button) {
    // Whoever goes elsewhere by hand has left it.
    if (event.target.closest('#steps [data-go], .cr-step-buttons [data-go], #run, .cr-preset')) {
      story.wanted = 0;
      story.leave();
    }
  } else if (button.matches('[data-tell]')) story.tell(1);
  else if (button.matches('[data-story]')) {
    story.leave();
    if (story.isOf(button.dataset)) story.tell(1);
    else story.wanted = 1;
  } else if (button.dataset.turn === '0') story.leave();
  else story.turn(Number(button.dataset.turn));
});
document.addEventListener('keydown', (event) => {
  const { story } = calrec;
  const way = { ArrowRight: 1, ArrowLeft: -1, Escape: 0 }[event.key];
  if (!story.at || way === undefined || calrec.page !== 'walkthrough' || calrec.typing()) return;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  // Keys of what has the focus, or is open.
  const own = 'input, [role="tab"], [role="slider"], [role="listbox"], .cr-matrix td > button, .cr-scroll, #report-tray *';
  if (document.activeElement?.closest(own) || document.querySelector(':popover-open')) return;
  event.preventDefault();
  if (way) story.turn(way);
  else story.leave();
});
// Before the pages follow Back and Forward, and write what they follow.
addEventListener('popstate', () => {
  const { story } = calrec;
  const at = Math.trunc(Number(new URLSearchParams(location.search).get('story'))) || 0;
  if (!at && !story.at) return;
  story.at = story.stops().length ? at : 0;
  setTimeout(() => story.show());
}, true);
