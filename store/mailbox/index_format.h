// The index of one mailbox, store.idx: what is on disk and why it survives.
//
//   [0, 1024)        IndexHeader
//   [2048, 4096)     the ring: slots changed last, u32 each, kRingSlots of them
//   [4096, 12288)    keyword names, kMaxKeywords of 64 bytes, NUL padded
//   [12288, ...)     records of 128 bytes, in the order of their UIDs; a record's number is its slot
//
// Numbers are little-endian. The file is mapped shared by every process that has the mailbox open; space is
// allocated before it is touched (a full disk is an error answer, never SIGBUS).
//
// A record is born in three steps:
//   reserve  (under the lock) the writer takes the slot at `tail` and the next UID, fills the record with
//            kReserved set, and holds an OFD lock on the slot's byte as a sign of life;
//   commit   (no lock) message file, directory entry and index reach the disk together;
//   publish  (under the lock) kReserved goes, the record draws its modseq, and `count` moves over every slot
//            that is no longer reserved. Readers see [0, count).
// So nobody waits for another's disk, many appends share one flush, and a modseq is never published behind
// a larger one. A slot whose writer gave up or died is void: dead before anyone saw it.
//
// Flags change in place, under the lock, by a per-record sequence lock: `version` is odd while the writer
// is at it, and a reader that finds it odd or changed reads again. Then the records are committed, unlocked.
//
// An expunged record stays, marked, until the purge writes a new file without it (`generation` + 1, renamed
// over this one). This one gets kSuperseded before that, for those who have it mapped: it says that the name
// may lead to another file now. Where it still leads here, whoever was about to replace it died before; the
// next writer takes the mark away. Dead records hang together by `dead_link` from `dead_head`, newest first,
// so that a session learns the holes without a scan.
//
// What a commit makes durable (index_ranges.h): whole records, as ranges whose guard is the identity below,
// so that they are written back into this generation only; and with them the keyword names from the first to
// the last one that they use. With an append also its message file, by the same commit. Nothing else of this
// file is ever waited for: header, ring and chain follow from the records.
//
// A writer killed under the lock leaves `busy` set: the next lock holder scans and mends. Of messages that came
// together (a landing) all are kept when it had begun to publish them, else none.
//
// After a power cut, which is seen by the boot id, every page of the file may be of any time since it was
// last synced, then the committed records are written back over it. The first to lock finds, and settles:
// * a record that was committed shows the moment of its commit or a later one. One that is reserved still, or
//   has no modseq, is kept when its message file is whole, below `count` or behind it, and draws a fresh
//   modseq: so clients look at it again.
// * of a landing none is kept unless each is there and whole, or one of them shows that it was published.
// * a slot without a record was never committed: its writer gave up, or nobody was answered. It becomes
//   void, though `count` may be ahead of it already: a void slot moves count without a commit. A message
//   file of such a UID goes. Where the slot is not blank, or readers may have seen it, a whole record has
//   rotted: the index is rebuilt from the files.
// * a record that was written back by the kernel alone, for nobody: kept when its message is whole, else
//   void.
// * the file may be shorter than count or capacity say (what is missing was never committed) or longer,
//   with holes before a record that was written back: space is allocated before anything is touched.
// * a keyword name that is missing was used by no committed record; bits that stand for no name go.
// * counters, chain, tail, next UID are made anew; `changes` moves on so that nobody trusts the ring.
// A record is 128 bytes at a multiple of 128 and a name 64, so neither straddles a sector: old or new, not
// half. Mending twice, or being cut short while mending, comes to the same: it only takes away what nobody
// was promised.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "store/mailbox.h"

namespace waxwing::store {

static_assert(std::endian::native == std::endian::little, "index files are little-endian");

inline constexpr char kIndexMagic[8] = {'W', 'x', 'I', 'n', 'd', 'e', 'x', '\n'};
inline constexpr std::uint32_t kIndexVersion = 1;
inline constexpr std::uint32_t kRingAt = 2048;
inline constexpr std::uint32_t kRingSlots = 512;
inline constexpr std::uint32_t kKeywordsAt = 4096;
inline constexpr std::uint32_t kKeywordBytes = 64;
inline constexpr std::uint32_t kRecordsAt = 12288;
inline constexpr std::uint32_t kRecordBytes = 128;

// IMAP's modseqs have 63 bits. Nobody draws that many: one above this is damage.
inline constexpr std::uint64_t kMostModseq = std::uint64_t{1} << 62;
inline constexpr std::uint32_t kMostUids = 0xfffffff0;

// IndexHeader::state
inline constexpr std::uint32_t kSuperseded = 1;  // a newer generation has this file's name, or is about to
inline constexpr std::uint32_t kMailboxGone = 2;

struct IndexHeader {
  // Identity: never changes, covered by identity_hash.
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint32_t record_bytes;
  std::uint32_t uidvalidity;
  char mailbox_id[32];
  std::int64_t created;
  std::uint64_t generation;
  std::uint64_t identity_hash;

  // Everything below is rebuilt from the records when in doubt.
  std::uint8_t boot_id[16];  // of the system run in which the file was last known good
  std::uint32_t state;
  std::uint32_t busy;             // pid of the writer under the lock; 0: none
  std::uint32_t version_;         // sequence lock of what follows up to bytes
  std::uint32_t capacity;         // slots there is space for
  std::uint32_t tail;             // slots taken, reserved ones included
  std::uint32_t count;            // slots readers see
  std::uint32_t next_uid;         // for the next reservation
  std::uint32_t public_next_uid;  // what UIDNEXT says
  std::uint32_t messages;
  std::uint32_t unseen;
  std::uint32_t deleted;
  std::uint32_t recent_uid;  // highest UID that was \Recent for somebody
  std::uint64_t highestmodseq;
  std::uint64_t bytes;

  std::uint32_t dead_head;  // slot + 1
  std::uint32_t dead_count;
  std::uint32_t first_unseen_hint;  // no unseen message below this slot
  std::uint32_t keyword_count;
  std::uint64_t changes;        // entries ever written to the ring
  std::uint64_t cache_end;      // where the next cache entry goes
  std::uint64_t purged_modseq;  // store.exp tells of every expunge above this
};
static_assert(sizeof(IndexHeader) <= 1024);
// Which file this is: mailbox and generation, and the checksum over them.
inline constexpr std::size_t kIdentityBytes = offsetof(IndexHeader, boot_id);

// Bits of IndexRecord::flags above the system flags.
inline constexpr std::uint32_t kExpunged = 1u << 16;
inline constexpr std::uint32_t kReserved = 1u << 17;
inline constexpr std::uint32_t kVoid = 1u << 18;
inline constexpr std::uint32_t kDead = kExpunged | kVoid;

struct IndexRecord {
  // Written once, covered by fixed_hash.
  std::uint32_t uid;
  std::uint32_t fixed_hash;
  std::int64_t internal_date;
  std::int64_t save_date;
  std::uint64_t size;
  std::uint64_t email_id;
  std::uint64_t thread_id;
  std::uint64_t delivery_hash;  // of the delivery id; 0: none
  std::uint32_t header_size;
  std::int32_t zone_minutes;

  std::uint64_t cache_offset;  // one atomic word; a wrong one is noticed by the cache entry's checksum

  // Under `version`.
  std::uint32_t version;
  std::uint32_t flags;
  std::uint64_t modseq;  // 0: never published
  std::uint64_t keywords[2];
  std::uint32_t dead_link;  // slot + 1 of the one that died before
  std::uint32_t moving_hash;
  std::uint32_t expunged_at;  // seconds since 1970, unsigned
  // Written once too, covered by fixed_hash.
  std::uint32_t landing_size;   // messages that came in one append or copy, all or none; 0: alone, or moved
  std::uint32_t landing_place;  // of this one among them, from 0; they have neighbouring slots and UIDs
  std::uint32_t spare;
};
static_assert(sizeof(IndexRecord) == kRecordBytes);

}  // namespace waxwing::store
