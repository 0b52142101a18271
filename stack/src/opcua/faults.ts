/**
 * What can be made to go wrong. `silent`, `stall`, `slow`, `refuseCertificates` and `stopUpdates` last until `heal`;
 * the others happen once.
 */
export type OpcuaFault =
  /**
   * The server goes and comes back on its port, with all sessions and subscriptions forgotten. The plant goes on
   * meanwhile. `shiftNamespaces` gives the plant another namespace index, `newCertificate` the server another
   * certificate; `downMs` is how long it stays away.
   */
  | {
      readonly kind: 'restart';
      readonly shiftNamespaces?: boolean;
      readonly newCertificate?: boolean;
      readonly downMs?: number;
    }
  | { readonly kind: 'deleteTags'; readonly ids: readonly string[] }
  /** Sequence tags of type Double; one that was deleted comes back and goes on counting. */
  | { readonly kind: 'addTags'; readonly ids: readonly string[] }
  /** Connections are reset; sessions and subscriptions live on. */
  | { readonly kind: 'cut' }
  /** Sessions end with their subscriptions, connections stay. */
  | { readonly kind: 'dropSessions' }
  /** Subscriptions are gone without a word: the next Publish is answered with BadNoSubscription. */
  | { readonly kind: 'dropSubscriptions' }
  /** Everything is answered except Publish. */
  | { readonly kind: 'silent' }
  /** Connections are accepted, no request is answered; what was asked is answered once healed. */
  | { readonly kind: 'stall' }
  /** Each request waits that long, or until it is healed. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Each new secure channel with a client certificate is refused: BadCertificateUntrusted. */
  | { readonly kind: 'refuseCertificates' }
  | { readonly kind: 'stopUpdates' }
  /** That many readings of each tag at once, whether updates are stopped or not. */
  | { readonly kind: 'issue'; readonly readings: number }
  | { readonly kind: 'updateEvery'; readonly ms: number }
  | { readonly kind: 'heal' };
