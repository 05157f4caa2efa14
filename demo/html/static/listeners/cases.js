// A row of the list is its button.
element.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-user]');
  const button = event.target.closest('button[data-act]') || (row && row.querySelector('button'));
  if (!button || button.disabled) return;
  if (row) {
    // At once, not when the server answers: whoever presses j quickly walks on from here.
    element.querySelectorAll('tr[data-user]').forEach((other) => {
      other.classList.toggle('cr-current', other === row);
      other.querySelector('button').setAttribute('aria-current', String(other === row));
    });
  }
  trigger('select', {...button.dataset});
});
