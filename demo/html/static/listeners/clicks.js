// One listener on the container outlives every new content. Real buttons: the keyboard works.
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (button && !button.disabled) trigger('select', {...button.dataset});
});
