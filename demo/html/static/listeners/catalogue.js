// Clicks of one piece of the page. Which event they set off says what they wait for: a look-up, an
// edit of the history, or the model.
const events = { add: 'edit', load: 'edit', compute: 'apply', halt: 'stop' };
let pressed = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (!button || button.disabled) return;
  pressed = button.dataset.key || null;
  // An item that was there from the start was never seen to arrive.
  const item = button.closest('.cr-item-page')?.dataset.item;
  if (item) button.closest('.cr-catalogue').dataset.open = item;
  trigger(events[button.dataset.act] || 'select', { ...button.dataset });
});

// New content takes the focus away: it goes where the same button stands now, and to the title of
// an item that was opened.
watch('value', () => {
  const page = element.closest('.cr-catalogue');
  if (!page) return;
  if (element.closest('#catalogue-item')) follow(page);
  else if (pressed) refocus();
});

function refocus() {
  const same = [...element.querySelectorAll('[data-key]')].find((b) => b.dataset.key === pressed);
  const next = same && !same.disabled ? same : element.querySelector('button');
  next?.focus({ preventScroll: true });
  if (pressed.startsWith('pager:') && !element.closest('#catalogue-item') && element.getBoundingClientRect().top < 0) {
    element.scrollIntoView();
  }
  pressed = null;
}

// Marks the row of the open item, and takes the focus to its title, or back to the list.
function follow(page) {
  const opened = element.querySelector('.cr-item-page');
  const before = page.dataset.open || '';
  const now = opened?.dataset.item || '';
  page.dataset.open = now;
  const rows = [...page.querySelectorAll('#catalogue-results [data-act=open]')];
  const of = (id) => rows.find((row) => row.dataset.id === id);
  for (const row of rows) row.removeAttribute('aria-current');
  of(now)?.setAttribute('aria-current', 'true');
  if (of(now || before)) page.dataset.row = now || before;
  if (now && now !== before) {
    page.querySelector('.cr-detail').scrollTop = 0;
    opened.querySelector('h2')?.focus({ preventScroll: true });
    if (page.getBoundingClientRect().top < 0 && innerWidth < 1000) page.scrollIntoView();
  } else if (!now && before) {
    (of(page.dataset.row) || rows[0])?.focus({ preventScroll: innerWidth >= 1000 });
  } else if (pressed) refocus();
}
