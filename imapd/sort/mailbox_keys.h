// The sort and thread keys of one mailbox's messages, as columns: what SORT and THREAD work on instead of
// reading headers again. Messages never change, so what is in stays right; UIDs that are gone do no harm.
//
// Thread-safe; shared by all sessions that have the mailbox selected. A call holds the lock for one pass over
// what it is given at most.
#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "imapd/sort/message_keys.h"
#include "imapd/sort/text_table.h"

namespace waxwing::imap {

// Values by UID, ascending.
template <class T>
struct KeyColumnOf {
  std::vector<std::uint32_t> uids;
  std::vector<T> values;

  // Those of the ascending uids that are not here go into missing.
  void find_missing(std::span<const std::uint32_t> wanted, std::vector<std::uint32_t>& missing) const;
  // uid and value of what is not here yet; ascending.
  void merge(const std::vector<std::uint32_t>& fresh_uids, std::vector<T> fresh_values);
  // use(position in wanted, value) for each that is here.
  template <class Use>
  void visit(std::span<const std::uint32_t> wanted, Use use) const;
};

// What THREAD works on; numbers of subjects and ids are the tables'. By position in the list asked for.
struct ThreadKeys {
  std::vector<std::int64_t> sent;
  std::vector<std::uint32_t> subjects;
  std::vector<char> replies;
  std::vector<std::uint32_t> ids;               // 0: none
  std::vector<std::uint32_t> reference_begins;  // one more than messages; into references
  std::vector<std::uint32_t> references;
  std::uint32_t subject_count = 0, id_count = 0;  // numbers are below
};

class MailboxKeys {
 public:
  // UIDs of which some of the columns is not known; uids ascending, so is the answer.
  std::vector<std::uint32_t> missing(unsigned columns, std::span<const std::uint32_t> uids) const;
  // Ascending by UID, with these columns filled.
  void add(unsigned columns, std::span<const MessageKeys> messages);

  // By position in uids, which ascend; 0 for what is not known. Values compare as the keys do.
  std::vector<std::uint64_t> sent(std::span<const std::uint32_t> uids) const;
  std::vector<std::uint64_t> subjects(std::span<const std::uint32_t> uids);
  std::vector<std::uint64_t> addresses(std::span<const std::uint32_t> uids, AddressKey which);
  // ids: false leaves message ids out.
  ThreadKeys thread_keys(std::span<const std::uint32_t> uids, bool with_ids) const;

  std::size_t bytes() const;

 private:
  struct Subject {
    std::uint32_t text = 0;
    bool reply = false;
  };
  struct Ids {
    std::uint32_t own = 0;
    std::uint32_t first = 0, count = 0;  // of its references, in references_
  };
  using Addresses = std::array<std::uint32_t, kAddressKeys>;

  std::uint32_t id_number(std::uint64_t hash);
  Ids enter_ids(const MessageKeys& message);

  mutable std::mutex mutex_;
  KeyColumnOf<std::int64_t> sent_;
  KeyColumnOf<Subject> subjects_;
  KeyColumnOf<Addresses> addresses_;
  KeyColumnOf<Ids> ids_;
  TextTable subject_texts_, address_texts_;
  std::unordered_map<std::uint64_t, std::uint32_t> id_numbers_;
  std::vector<std::uint32_t> references_;
};

// ---- KeyColumnOf ---------------------------------------------------------------------------------------

template <class T>
void KeyColumnOf<T>::find_missing(std::span<const std::uint32_t> wanted,
                                  std::vector<std::uint32_t>& missing) const {
  std::set_difference(wanted.begin(), wanted.end(), uids.begin(), uids.end(), std::back_inserter(missing));
}

template <class T>
void KeyColumnOf<T>::merge(const std::vector<std::uint32_t>& fresh_uids, std::vector<T> fresh_values) {
  const auto before = uids.size();
  uids.insert(uids.end(), fresh_uids.begin(), fresh_uids.end());
  values.insert(values.end(), fresh_values.begin(), fresh_values.end());
  if (fresh_uids.empty() || before == 0 || uids[before - 1] < fresh_uids.front()) return;
  // Not behind the others, which is rare: from the back into place.
  auto old = before, fresh = fresh_uids.size();
  for (auto to = uids.size(); fresh > 0;) {
    --to;
    if (old > 0 && uids[old - 1] > fresh_uids[fresh - 1]) {
      --old;
      uids[to] = uids[old];
      values[to] = values[old];
    } else {
      --fresh;
      uids[to] = fresh_uids[fresh];
      values[to] = fresh_values[fresh];
    }
  }
}

template <class T>
template <class Use>
void KeyColumnOf<T>::visit(std::span<const std::uint32_t> wanted, Use use) const {
  if (wanted.empty()) return;
  auto at =
      static_cast<std::size_t>(std::lower_bound(uids.begin(), uids.end(), wanted.front()) - uids.begin());
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    if (at < uids.size() && uids[at] < wanted[n]) {
      ++at;
      if (at < uids.size() && uids[at] < wanted[n])
        at = static_cast<std::size_t>(
            std::lower_bound(uids.begin() + static_cast<std::ptrdiff_t>(at), uids.end(), wanted[n]) -
            uids.begin());
    }
    if (at < uids.size() && uids[at] == wanted[n]) use(n, values[at]);
  }
}

}  // namespace waxwing::imap
