import { inspect } from 'node:util';

/** A value that does not print: every way to turn it into text gives `[secret]`, only `reveal` gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Every secret inside a value, for a log that must not show them: the whole text, and the password of a URL. */
export function secretsIn(value: unknown): readonly string[] {
  if (value instanceof Secret) return textsOf(value.reveal());
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(secretsIn);
}

function textsOf(text: string): readonly string[] {
  if (!URL.canParse(text)) return [text];
  const { password } = new URL(text);
  if (password === '') return [text];
  return [text, password, safeDecode(password)];
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign: the text stands for itself.
    return text;
  }
}
