/** Why a record was set aside: a stable code, a sentence, and the field where it happened. */
export interface Reason {
  /** `MR-ROW-…` for built-in checks, the rule's own code otherwise. */
  readonly code: string;
  readonly message: string;
  readonly field?: string;
}

/** What a stage says about one record. A bad record is a value, a bad world is thrown. */
export type Verdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'filtered'; readonly rule: string }
  | { readonly kind: 'rejected'; readonly reason: Reason };

export const ACCEPTED: Verdict = { kind: 'accepted' };
export const DUPLICATE: Verdict = { kind: 'duplicate' };

export function rejected(code: string, message: string, field?: string): Verdict {
  return { kind: 'rejected', reason: field === undefined ? { code, message } : { code, message, field } };
}
