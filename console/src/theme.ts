// Light, dark, or as the system has it.

export type Theme = "auto" | "light" | "dark";

const KEY = "trunkline-theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

export function applyTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset["theme"] = theme;
}

export const nextTheme = (theme: Theme): Theme => NEXT[theme];
