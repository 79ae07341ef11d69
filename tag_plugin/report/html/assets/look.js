// A claim and its boxes light up together.

startTheme();
for (const looked of document.querySelectorAll(".looked")) {
  lightTogether(looked, looked.querySelector("svg.face"));
}
