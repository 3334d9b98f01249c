#include "imapd/sort/mailbox_keys.h"

namespace waxwing::imap {
namespace {

// Order is kept by unsigned comparison too.
std::uint64_t ordered(std::int64_t value) {
  return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63);
}

// The messages a column does not have yet, made ready by `make` and taken in.
template <class T, class Make>
void take_in(KeyColumnOf<T>& column, std::span<const MessageKeys> messages, Make make) {
  std::vector<std::uint32_t> uids, missing;
  uids.reserve(messages.size());
  for (const auto& message : messages) uids.push_back(message.uid);
  column.find_missing(uids, missing);
  std::vector<T> values;
  values.reserve(missing.size());
  std::size_t next = 0;
  for (const auto& message : messages) {
    if (next == missing.size() || missing[next] != message.uid) continue;
    values.push_back(make(message));
    ++next;
  }
  column.merge(missing, std::move(values));
}

template <class T>
std::size_t bytes_of(const KeyColumnOf<T>& column) {
  return column.uids.capacity() * sizeof(std::uint32_t) + column.values.capacity() * sizeof(T);
}

}  // namespace

std::vector<std::uint32_t> MailboxKeys::missing(unsigned columns, std::span<const std::uint32_t> uids) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> all;
  const auto look = [&](unsigned column, const auto& values) {
    if (!(columns & column)) return;
    std::vector<std::uint32_t> more, both;
    values.find_missing(uids, more);
    if (more.empty()) return;
    std::ranges::set_union(all, more, std::back_inserter(both));
    all = std::move(both);
  };
  look(kSent, sent_);
  look(kSubject, subjects_);
  look(kAddresses, addresses_);
  look(kIds, ids_);
  return all;
}

std::uint32_t MailboxKeys::id_number(std::uint64_t hash) {
  if (hash == 0) return 0;
  return id_numbers_.try_emplace(hash, static_cast<std::uint32_t>(id_numbers_.size()) + 1).first->second;
}

MailboxKeys::Ids MailboxKeys::enter_ids(const MessageKeys& message) {
  const Ids ids{.own = id_number(message.id),
                .first = static_cast<std::uint32_t>(references_.size()),
                .count = static_cast<std::uint32_t>(message.references.size())};
  for (const auto hash : message.references) references_.push_back(id_number(hash));
  return ids;
}

void MailboxKeys::add(unsigned columns, std::span<const MessageKeys> messages) {
  const std::lock_guard lock(mutex_);
  if (columns & kSent) take_in(sent_, messages, [](const MessageKeys& message) { return message.sent; });
  if (columns & kSubject)
    take_in(subjects_, messages, [this](const MessageKeys& message) {
      return Subject{subject_texts_.enter(message.subject), message.is_reply_or_forward};
    });
  if (columns & kAddresses)
    take_in(addresses_, messages, [this](const MessageKeys& message) {
      Addresses numbers;
      for (std::size_t n = 0; n < kAddressKeys; ++n) numbers[n] = address_texts_.enter(message.addresses[n]);
      return numbers;
    });
  if (columns & kIds)
    take_in(ids_, messages, [this](const MessageKeys& message) { return enter_ids(message); });
}

std::vector<std::uint64_t> MailboxKeys::sent(std::span<const std::uint32_t> uids) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> keys(uids.size());
  sent_.visit(uids, [&](std::size_t n, std::int64_t value) { keys[n] = ordered(value); });
  return keys;
}

std::vector<std::uint64_t> MailboxKeys::subjects(std::span<const std::uint32_t> uids) {
  const std::lock_guard lock(mutex_);
  const auto& ranks = subject_texts_.ranks();
  std::vector<std::uint64_t> keys(uids.size());
  subjects_.visit(uids, [&](std::size_t n, const Subject& subject) { keys[n] = ranks[subject.text]; });
  return keys;
}

std::vector<std::uint64_t> MailboxKeys::addresses(std::span<const std::uint32_t> uids, AddressKey which) {
  const std::lock_guard lock(mutex_);
  const auto& ranks = address_texts_.ranks();
  std::vector<std::uint64_t> keys(uids.size());
  addresses_.visit(uids, [&](std::size_t n, const Addresses& numbers) { keys[n] = ranks[numbers[which]]; });
  return keys;
}

ThreadKeys MailboxKeys::thread_keys(std::span<const std::uint32_t> uids, bool with_ids) const {
  const std::lock_guard lock(mutex_);
  const auto count = uids.size();
  ThreadKeys keys;
  keys.sent.resize(count);
  keys.subjects.resize(count);
  keys.replies.resize(count);
  keys.subject_count = subject_texts_.size();
  sent_.visit(uids, [&](std::size_t n, std::int64_t value) { keys.sent[n] = value; });
  subjects_.visit(uids, [&](std::size_t n, const Subject& subject) {
    keys.subjects[n] = subject.text;
    keys.replies[n] = subject.reply;
  });
  if (!with_ids) return keys;
  keys.ids.resize(count);
  keys.reference_begins.assign(count + 1, 0);
  keys.id_count = static_cast<std::uint32_t>(id_numbers_.size()) + 1;
  std::vector<std::span<const std::uint32_t>> references(count);
  ids_.visit(uids, [&](std::size_t n, const Ids& ids) {
    keys.ids[n] = ids.own;
    references[n] = std::span(references_).subspan(ids.first, ids.count);
  });
  for (std::size_t n = 0; n < count; ++n) {
    keys.references.insert(keys.references.end(), references[n].begin(), references[n].end());
    keys.reference_begins[n + 1] = static_cast<std::uint32_t>(keys.references.size());
  }
  return keys;
}

std::size_t MailboxKeys::bytes() const {
  constexpr std::size_t kIdEntryBytes = 48;
  const std::lock_guard lock(mutex_);
  return sizeof *this + bytes_of(sent_) + bytes_of(subjects_) + bytes_of(addresses_) + bytes_of(ids_) +
         subject_texts_.bytes() + address_texts_.bytes() + id_numbers_.size() * kIdEntryBytes +
         references_.capacity() * sizeof(std::uint32_t);
}

}  // namespace waxwing::imap
