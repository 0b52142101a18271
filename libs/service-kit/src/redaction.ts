import { MillraceError } from '@millrace/core';

const HIDDEN = '[secret]';
const SENSITIVE_KEY =
  /pass(word|wd|phrase)?$|^pwd$|secret|credential|private_?key|api_?key|access_?key|authorization|^token$|(access|refresh|auth|bearer)_?token/i;
const DEPTH_MAX = 6;
const ITEMS_MAX = 100;
const TEXT_MAX = 8_192;
/** Shorter texts occur by chance everywhere; hiding them would only wreck the log. */
const SECRET_LENGTH_MIN = 4;

/**
 * Makes values fit for a log: no secrets, bounded, plain JSON. A secret is hidden three times over: as an instance
 * of `Secret`, under a key that looks like one, and as its literal text inside any other text.
 */
export class Redactor {
  #literals: readonly string[] = [];

  /** Texts that must not be seen from now on. */
  learn(secrets: Iterable<string>): void {
    const all = new Set(this.#literals);
    for (const secret of secrets) {
      if (secret.length < SECRET_LENGTH_MIN) continue;
      all.add(secret);
      const encoded = encodeURIComponent(secret);
      if (encoded !== secret) all.add(encoded);
    }
    // Longest first: else a secret inside another one would leave the rest of it readable.
    this.#literals = [...all].sort((a, b) => b.length - a.length);
  }

  text(value: string): string {
    let result = value;
    for (const literal of this.#literals) {
      if (result.includes(literal)) result = result.replaceAll(literal, HIDDEN);
    }
    return result.length <= TEXT_MAX ? result : `${result.slice(0, TEXT_MAX)}… (${result.length} characters)`;
  }

  value(value: unknown, depth = 0): unknown {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'bigint':
        return String(value);
      case 'object':
        return value === null ? null : this.#object(value, depth);
      case 'function':
      case 'symbol':
        return undefined;
      default:
        return value;
    }
  }

  fields(fields: Readonly<Record<string, unknown>>, depth = 0): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(fields).slice(0, ITEMS_MAX)) {
      const hide =
        SENSITIVE_KEY.test(key) && value !== null && value !== undefined && typeof value !== 'boolean';
      result[this.text(key)] = hide ? HIDDEN : this.value(value, depth + 1);
    }
    return result;
  }

  #object(value: object, depth: number): unknown {
    if (depth > DEPTH_MAX) return '…';
    if (value instanceof Error) return this.#error(value, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
    if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
    if (value instanceof Map) return this.fields(Object.fromEntries(value), depth);
    if (Array.isArray(value) || value instanceof Set) {
      return [...value].slice(0, ITEMS_MAX).map((item) => this.value(item, depth + 1));
    }
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.value(value.toJSON(), depth + 1);
    return this.fields(value as Record<string, unknown>, depth);
  }

  /** The stack only where it helps: for what is not one of our own, expected errors. */
  #error(error: Error, depth: number): Record<string, unknown> {
    const known = error instanceof MillraceError ? error : null;
    const code = known?.code ?? ('code' in error ? error.code : undefined);
    const expected = known !== null && known.kind !== 'bug';
    return {
      name: error.name,
      ...(typeof code === 'string' && { code: this.text(code) }),
      ...(known && { kind: known.kind }),
      message: this.text(error.message),
      ...(known?.remedy && { remedy: this.text(known.remedy) }),
      ...(!expected && error.stack && { stack: this.text(error.stack) }),
      ...(error.cause !== undefined && { cause: this.value(error.cause, depth + 1) }),
    };
  }
}
