// Keys of the Cases page: j and k (in the list the arrow keys too) go to the next and the previous
// case, s stars, p pins. They press the buttons that a mouse would.
//
// Star and pin are of the case that the server shows: they wait for the answer of the walk before,
// and the next walk waits for theirs.
let casesWork = Promise.resolve();
let casesWaiting = 0;
const casesSettled = async () => {
  const busy = () => document.querySelector('#cases [data-testid="status-tracker"]:not(.hide)');
  await new Promise((done) => setTimeout(done, 60));
  for (let n = 0; n < 200 && busy(); n += 1) await new Promise((done) => setTimeout(done, 25));
};
const casesInTurn = (action) => {
  casesWaiting += 1;
  casesWork = casesWork.then(casesSettled).then(action).then(casesSettled).finally(() => {
    casesWaiting -= 1;
  });
};
const casesWalk = (step, inList) => {
  const rows = [...document.querySelectorAll('#case-list tr[data-user]')];
  const here = rows.findIndex((row) => row.classList.contains('cr-current'));
  const next = rows[here + step];
  const way = step > 0 ? 'Next' : 'Previous';
  const button = next
    ? next.querySelector('button')
    : document.querySelector(`#case-list button[data-way="${way}"]`);
  if (!button || button.disabled) return;
  button.click();
  if (inList && next) button.focus();
  (next || button).scrollIntoView({block: 'nearest'});
};
document.addEventListener('keydown', (event) => {
  const page = document.querySelector('#cases');
  if (!page || page.offsetParent === null) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (calrec.typing()) return;
  const focus = document.activeElement;
  const inList = !!focus && !!focus.closest('#case-list');
  const step = {j: 1, k: -1, ArrowDown: inList && 1, ArrowUp: inList && -1}[event.key];
  if (step) {
    event.preventDefault();
    if (casesWaiting) casesInTurn(() => casesWalk(step, inList));
    else casesWalk(step, inList);
  } else if (event.key === 's' || event.key === 'p') {
    const button = event.key === 's' ? '#case-star' : '#case-pin';
    casesInTurn(() => document.querySelector(button)?.click());
  }
});
