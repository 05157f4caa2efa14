// A row of the list is its button.
element.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-user]');
  const button = event.target.closest('button[data-act]') || (row && row.querySelector('button'));
  if (!button || button.disabled) return;
  // At once, not when the server answers: whoever presses j quickly walks on from here.
  if (row) calrec.changesCase(row);
  trigger('select', {...button.dataset});
});
// A list that is new shows where one is.
watch('value', () => element.querySelector('.cr-current')?.scrollIntoView({ block: 'nearest' }));
