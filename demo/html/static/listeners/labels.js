// Labels of a case: a press is handed on, and the focus comes back to the label that a key pressed.
let pressed = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  pressed = document.activeElement === button ? button.dataset.label : null;
  trigger('select', { ...button.dataset, next: calrec.labelling || '' });
});
watch('value', () => {
  const same = [...element.querySelectorAll('[data-label]')].find((b) => b.dataset.label === pressed);
  same?.focus({ preventScroll: true });
  pressed = null;
});
