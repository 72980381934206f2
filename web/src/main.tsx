import { render } from "preact";
import { App } from "./app";
import { applyStoredTheme } from "./lib/theme";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";

applyStoredTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
