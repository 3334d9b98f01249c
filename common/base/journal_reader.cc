#include "common/base/journal_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace waxwing::durable {

JournalReader::JournalReader(SegmentFiles& files, std::uint64_t key)
    : files_(files), key_(key), opened_(find_slots()) {}

// A segment that is not found would end the log where it begins.
Result<> JournalReader::find_slots() {
  std::vector<unsigned> unknown;
  TRY(const auto count, files_.count());
  for (unsigned slot = 0; slot < count; ++slot) {
    TRY(const auto number, number_of(slot));
    if (number) slots_.emplace(*number, slot);
    if (!number) unknown.push_back(slot);
  }
  for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) {
    TRY(const auto header, files_.read_header(slot->second));
    if (!header) continue;
    key_ = header->key;
    break;
  }
  for (const auto slot : unknown) {
    TRY(const auto number, find_number(slot));
    if (number) slots_.emplace(*number, slot);
  }
  return {};
}

// Where the header has rotted, the first record knows its place.
Result<std::optional<std::uint64_t>> JournalReader::number_of(unsigned slot) {
  TRY(const auto header, files_.read_header(slot));
  if (header) return header->number;
  const auto size = files_.segment_bytes();
  std::string first(kRecordHeaderBytes, '\0');
  TRY(const bool there, files_.read(slot, kSegmentHeaderBytes, first));
  const auto lsn = lsn_of_record(first);
  if (!there || lsn % size != kSegmentHeaderBytes || !is_record_at(first, lsn)) return std::nullopt;
  return lsn / size;
}

// What a file that was cut short does not have counts as zeros: a record ends the log there.
Result<> JournalReader::read_slot(unsigned slot) {
  loaded_ = ~std::uint64_t{0};
  bytes_.assign(files_.segment_bytes(), '\0');
  TRY(const int file, files_.fd(slot));
  struct stat status {};
  if (::fstat(file, &status) != 0)
    return std::unexpected(system_error("cannot stat " + files_.path_of(slot), errno));
  return read_at(file, 0, bytes_.data(),
                 std::min<std::uint64_t>(bytes_.size(), static_cast<std::uint64_t>(status.st_size)));
}

void JournalReader::start(std::uint64_t lsn, std::uint64_t chain) {
  lsn_ = lsn;
  chain_ = chain;
  holes_.clear();
}

Result<bool> JournalReader::load(std::uint64_t number) {
  if (loaded_ == number) return true;
  const auto at = slots_.find(number);
  if (at == slots_.end()) return false;
  TRY_VOID(read_slot(at->second));
  loaded_ = number;
  return true;
}

Result<std::optional<JournalRecord>> JournalReader::next() {
  TRY_VOID(opened_);
  TRY(const auto record, next_in_chain());
  if (record || lsn_ == ended_at_) return record;
  const auto from = lsn_;
  TRY(const auto found, find_again());
  if (!found) {
    ended_at_ = from;
    return found;
  }
  holes_.push_back({from, found->lsn, chain_});
  lsn_ = found->end;
  chain_ = found->chain;
  return found;
}

Result<std::optional<JournalRecord>> JournalReader::next_in_chain() {
  const auto segment_bytes = files_.segment_bytes();
  const auto number = lsn_ / segment_bytes, offset = lsn_ % segment_bytes;
  if (offset != 0) {
    TRY(const bool there, load(number));
    if (there) {
      if (const auto record = decode_record(std::string_view(bytes_).substr(offset), lsn_, chain_)) {
        lsn_ = record->end;
        chain_ = record->chain;
        return record;
      }
    }
  }
  // A record may end exactly with its segment: then lsn_ is the first byte of the next one.
  const auto following = offset == 0 ? number : number + 1;
  TRY(const bool there, load(following));
  if (!there) return std::nullopt;
  // A header that has rotted is not needed: the chain of its first record says whether the log went on here.
  const auto header = decode_segment_header(bytes_);
  if (header && (header->left_before != lsn_ || header->chain != chain_)) return std::nullopt;
  const auto first = following * segment_bytes + kSegmentHeaderBytes;
  const auto record = decode_record(std::string_view(bytes_).substr(kSegmentHeaderBytes), first, chain_);
  if (!record) return std::nullopt;
  lsn_ = record->end;
  chain_ = record->chain;
  return record;
}

bool JournalReader::goes_on_behind() const {
  const auto size = files_.segment_bytes();
  auto number = lsn_ / size, at = lsn_;
  const auto next = at % size == 0 ? number : number + 1;
  // A segment may have been entered, and nothing written into it.
  if (const auto slot = slots_.find(next); slot != slots_.end())
    if (const auto header = files_.read_header(slot->second);
        header && *header && (*header)->left_before == lsn_)
      number = next, at = next * size + kSegmentHeaderBytes;
  if (last_segment() > number) return true;
  if (loaded_ != number) return false;
  const auto start = number * size;
  for (at += 8; at - start + kRecordHeaderBytes <= bytes_.size(); at += 8)
    if (is_record_at(std::string_view(bytes_).substr(at - start), at)) return true;
  return false;
}

Result<std::optional<SegmentHeader>> JournalReader::oldest() const {
  TRY_VOID(opened_);
  if (slots_.empty()) return std::nullopt;
  auto number = slots_.rbegin()->first;
  for (; slots_.contains(number - 1); --number) {
    TRY(const auto header, files_.read_header(slots_.at(number)));
    if (header && header->left_before == 0) break;  // what stands before is of an earlier log
  }
  return files_.read_header(slots_.at(number));
}

}  // namespace waxwing::durable
