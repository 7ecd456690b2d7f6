// <select data-timezone>: proposes the browser's own zone, until somebody chooses. <input data-timezone>, hidden: tells it.

for (const select of document.querySelectorAll("select[data-timezone]")) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isUntouched = select.value === "UTC" && !select.closest("form").querySelector("[aria-invalid=true]");
  if (isUntouched && [...select.options].some((option) => option.value === own)) select.value = own;
}

for (const input of document.querySelectorAll("input[data-timezone]")) {
  input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
