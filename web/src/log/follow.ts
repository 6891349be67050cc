// Follow is where the reader is, not a mode: at the end means follow, anywhere else means a pill that counts.

export class Follow {
  following: boolean;
  private seen = 0;
  private count = 0;

  constructor(following: boolean) {
    this.following = following;
  }

  /** The reader moved; `atEnd` is measured against what was on the screen, not against lines not yet drawn. */
  moved(atEnd: boolean) {
    this.following = atEnd;
    if (atEnd) this.seen = this.count;
    else this.seen = Math.max(this.seen, 0);
  }

  /** The log grew. */
  grew(count: number) {
    this.count = count;
    if (this.following) this.seen = count;
  }

  /** Lines that came while the reader looked elsewhere. */
  get unseen(): number {
    return this.following ? 0 : Math.max(0, this.count - this.seen);
  }

  /** Starts counting from here, for logs opened away from their end. */
  leave(count: number) {
    this.following = false;
    this.count = count;
    this.seen = count;
  }
}
