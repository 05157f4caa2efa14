// Keys of the Cases page: j and k (in the list the arrow keys too) go to the next and the previous
// case, s stars, p pins, 1 to 9 give a label and go on. They press the buttons that a mouse would.
//
// Star, pin and labels are of the case that is on the screen: they wait for the answer of the walk
// before, and the next walk waits for theirs.
let casesWork = Promise.resolve();
let casesWaiting = 0;
const casesBusy = () => document.querySelector('#cases-address [data-testid="status-tracker"]:not(.hide)');
const casesShown = () => document.querySelector('#case-view article')?.dataset.user;
const casesSettled = async () => {
  await new Promise((done) => setTimeout(done, 60));
  for (let n = 0; n < 400 && casesBusy(); n += 1) await new Promise((done) => setTimeout(done, 25));
};
// Until the case of the current row is there, or nobody has worked on it for a second.
const casesArrived = async () => {
  const here = () => document.querySelector('#case-list tr.cr-current')?.dataset.user;
  for (let n = 0, idle = 0; n < 400 && idle < 40 && here() !== casesShown(); n += 1) {
    idle = casesBusy() ? 0 : idle + 1;
    await new Promise((done) => setTimeout(done, 25));
  }
};
const casesInTurn = (action) => {
  casesWaiting += 1;
  casesWork = casesWork.then(casesSettled).then(casesArrived).then(action).then(casesSettled).finally(() => {
    casesWaiting -= 1;
  });
};
const casesRows = () => [...document.querySelectorAll('#case-list tr[data-user]')];
const casesHere = (rows) => rows.findIndex((row) => row.classList.contains('cr-current'));

// A row and its case change together: the row at once, and what is still of another case is dimmed.
calrec.changesCase = (row) => {
  casesRows().forEach((other) => {
    other.classList.toggle('cr-current', other === row);
    other.querySelector('button').setAttribute('aria-current', String(other === row));
  });
  const side = document.querySelector('.cr-case-right');
  if (!side || row.dataset.user === casesShown()) return;
  side.classList.add('cr-loading');
  if (calrec.undimming) return;
  calrec.undimming = casesArrived().then(() => {
    calrec.undimming = null;
    side.classList.remove('cr-loading');
    // Where nothing came, what is on the screen is the case.
    const shown = casesRows().find((one) => one.dataset.user === casesShown());
    if (shown && !shown.classList.contains('cr-current')) calrec.changesCase(shown);
  });
};
const casesWalk = (step, inList) => {
  const rows = casesRows();
  const next = rows[casesHere(rows) + step];
  const way = step > 0 ? 'Next' : 'Previous';
  const button = next
    ? next.querySelector('button')
    : document.querySelector(`#case-list button[data-way="${way}"]`);
  if (!button || button.disabled) return;
  button.click();
  if (inList && next) button.focus();
  (next || button).scrollIntoView({block: 'nearest'});
};
const casesLabel = (digit, stays) => {
  const chip = document.querySelector(`#case-labels [data-digit="${digit}"]`);
  if (!chip) return;
  const rows = casesRows();
  const next = rows[casesHere(rows) + 1];
  const goesOn = !stays && chip.getAttribute('aria-pressed') !== 'true';
  calrec.labelling = goesOn ? 'next' : '';
  chip.click();
  calrec.labelling = '';
  if (!goesOn || !next) return;
  calrec.changesCase(next);
  next.scrollIntoView({block: 'nearest'});
};
document.addEventListener('keydown', (event) => {
  const page = document.querySelector('#cases');
  if (!page || page.offsetParent === null) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (calrec.typing()) return;
  const focus = document.activeElement;
  const inList = !!focus && !!focus.closest('#case-list');
  const step = {j: 1, k: -1, ArrowDown: inList && 1, ArrowUp: inList && -1}[event.key];
  // Not event.key, which Shift makes another one.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (step) {
    event.preventDefault();
    if (casesWaiting) casesInTurn(() => casesWalk(step, inList));
    else casesWalk(step, inList);
  } else if (event.key === 's' || event.key === 'p') {
    const button = event.key === 's' ? '#case-star' : '#case-pin';
    casesInTurn(() => document.querySelector(button)?.click());
  } else if (digit) {
    if (casesWaiting || calrec.undimming) casesInTurn(() => casesLabel(digit, event.shiftKey));
    else casesLabel(digit, event.shiftKey);
  }
});
