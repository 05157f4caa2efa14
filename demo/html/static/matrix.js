// The score matrix is whole without a script. Here: the chosen step outlives new content, and arrow
// keys move between its cells; an open comparison follows.
calrec.matrix = {
  step: '',

  keep() {
    if (!this.step) return;
    const left = document.querySelectorAll(`.cr-matrix-steps input[value="${this.step}"]:not(:checked)`);
    for (const input of left) input.checked = true;
  },

  move(button, down, right) {
    const cell = button.closest('td');
    const rows = [...cell.closest('tbody').rows];
    const row = rows[rows.indexOf(cell.parentElement) + down];
    const next = row?.cells[cell.cellIndex + right]?.querySelector('button[popovertarget]');
    if (!next) return;
    button.tabIndex = -1;
    next.tabIndex = 0;
    const open = cell.querySelector(':popover-open');
    next.focus();
    if (open) {
      open.hidePopover();
      next.popoverTargetElement.showPopover({ source: next });
      next.focus();
    }
  },
};
document.addEventListener('change', (event) => {
  if (!event.target.matches('.cr-matrix-steps input')) return;
  calrec.matrix.step = event.target.value;
  calrec.matrix.keep();
});
document.addEventListener('keydown', (event) => {
  const button = event.target.closest?.('.cr-matrix td > button');
  const way = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
  if (!button || !way || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  calrec.matrix.move(button, ...way);
});
new MutationObserver(() => calrec.matrix.keep()).observe(document.documentElement, { childList: true, subtree: true });
