#include "channels/defragment/gathering.h"

#include <fmt/format.h>

#include <algorithm>

namespace waxwing::channels {

PieceSet* Gathering::find(const std::string& key) {
  const auto at = sets_.find(key);
  return at == sets_.end() ? nullptr : &at->second;
}

Gathering::Added Gathering::add(const std::string& key, const Piece& piece, const mta::queue::FileName& file,
                                std::int64_t arrival_ms, PieceSet*& set) {
  set = find(key);
  const auto file_key = file.key();
  if (set != nullptr && set->files.contains(file_key)) return Added::waits;
  const bool too_many = std::max(piece.total, piece.number) > limits_.pieces_of_a_message;
  if (set == nullptr && (too_many || pieces_ >= limits_.pieces)) return Added::refused;
  if (set == nullptr) {
    set = &sets_[key];
    set->id = piece.id;
    set->first_arrival_ms = arrival_ms;
  }
  set->first_arrival_ms = std::min(set->first_arrival_ms, arrival_ms);
  set->files.insert(file_key);
  ++pieces_;
  if (set->total == 0) set->total = piece.total;
  const auto last = set->pieces.empty() ? piece.number : std::max(piece.number, set->pieces.rbegin()->first);
  if (piece.total != 0 && piece.total != set->total)
    set->given_up = fmt::format("one piece says that there are {}, another {}", set->total, piece.total);
  else if (set->total != 0 && last > set->total)
    set->given_up = fmt::format("there is a piece {} of {}", last, set->total);
  else if (too_many || pieces_ > limits_.pieces)
    set->given_up = "there are too many pieces";
  const bool fresh = set->pieces.try_emplace(piece.number, file).second;
  return fresh ? Added::waits : Added::copy;
}

void Gathering::forget(const std::string& key, const mta::queue::FileName& file) {
  const auto at = sets_.find(key);
  if (at == sets_.end()) return;
  auto& set = at->second;
  const auto file_key = file.key();
  if (set.files.erase(file_key) == 0) return;
  --pieces_;
  std::erase_if(set.pieces, [&](const auto& each) { return each.second.key() == file_key; });
  if (set.files.empty()) sets_.erase(at);
}

void Gathering::drop(const std::string& key) {
  const auto at = sets_.find(key);
  if (at == sets_.end()) return;
  pieces_ -= at->second.files.size();
  sets_.erase(at);
}

void Gathering::lose(PieceSet& set, unsigned number) {
  const auto at = set.pieces.find(number);
  if (at == set.pieces.end()) return;
  pieces_ -= set.files.erase(at->second.key());
  set.pieces.erase(at);
}

}  // namespace waxwing::channels
