// What conversions make of one message. Blocks: for a worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "channels/conversion/part_run.h"
#include "mta/config/mta_config.h"
#include "mta/queue/detour.h"
#include "mta/queue/reader.h"

namespace waxwing::channels {

struct ConversionLimits {
  std::size_t runs = 100;  // of commands for one message
};

class Converted {
 public:
  // Temporary error: a command failed. All that is asked of stays valid until the end of this.
  static Result<std::unique_ptr<Converted>> make(const mta::MtaConfig& config,
                                                 const mta::queue::Reader& message,
                                                 const mta::queue::Detour& detour,
                                                 const RunSettings& settings, const ConversionLimits& limits,
                                                 const std::string& folder);
  ~Converted();
  // done: next() has the message. returned, held, discarded: why() tells what for; of a held one next() has the
  // message as it came.
  PartStatus status() const { return status_; }
  const std::string& why() const { return why_; }
  std::size_t runs() const { return runs_; }
  Result<std::string> next();  // "" at the end

 private:
  Converted(const mta::queue::Reader& message, const RunSettings& settings, const ConversionLimits& limits)
      : message_(message), settings_(settings), limits_(limits) {}
  Result<> map();
  Result<> run(const mta::MtaConfig& config, const mta::queue::Detour& detour, const std::string& folder);
  Result<> run_service(const mta::Conversions& conversions, const MessageFacts& facts,
                       const mail::Mime& mime);
  Result<> run_parts(const mta::Conversions& conversions, const MessageFacts& facts, const mail::Mime& mime);
  // False: the message does not go on.
  bool goes_on(PartStatus status, const std::string& why);

  const mta::queue::Reader& message_;
  const RunSettings& settings_;
  const ConversionLimits limits_;
  void* mapped_ = nullptr;
  std::string service_text_;  // the message, when a service command made it anew
  std::string_view text_;     // the message
  std::string_view original_;
  std::optional<ScratchFolder> folder_;
  Edition edition_;
  PartStatus status_ = PartStatus::done;
  std::string why_;
  std::size_t runs_ = 0;
};

}  // namespace waxwing::channels
