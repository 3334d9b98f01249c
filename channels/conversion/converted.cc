#include "channels/conversion/converted.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

#include "common/base/strings.h"

namespace waxwing::channels {

namespace {

// Deeper or with more parts, and it is held: what no command has seen must not pass for looked at.
constexpr mail::MimeLimits kMimeLimits{.max_depth = 50, .max_parts = 5000, .header = {}};

MessageFacts facts_of(const mail::Mime& mime, const mta::queue::Detour& detour) {
  MessageFacts facts;
  facts.in_channel = detour.from;
  facts.out_channel = detour.channel;
  for (const auto tag : split(detour.tags, ','))
    if (!tag.empty()) facts.tags.emplace_back(tag);
  facts.subject = mail::decoded_text(mime.header.value("Subject").value_or(""));
  return facts;
}

}  // namespace

Converted::~Converted() {
  if (mapped_ != nullptr) ::munmap(mapped_, static_cast<std::size_t>(message_.message_size()));
}

// A queue file's message is never changed, nor is the file made shorter.
Result<> Converted::map() {
  const auto size = static_cast<std::size_t>(message_.message_size());
  if (size == 0) return {};
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, message_.fd(), 0);
  if (at == MAP_FAILED) return std::unexpected(system_error("cannot map " + message_.path(), errno));
  mapped_ = at;
  text_ = original_ = {static_cast<const char*>(at), size};
  return {};
}

Result<std::unique_ptr<Converted>> Converted::make(
    const mta::MtaConfig& config, const mta::queue::Reader& message, const mta::queue::Detour& detour,
    const RunSettings& settings, const ConversionLimits& limits, const std::string& folder) {
  std::unique_ptr<Converted> converted(new Converted(message, settings, limits));
  TRY_VOID(converted->map());
  TRY_VOID(converted->run(config, detour, folder));
  return converted;
}

Result<> Converted::run(const mta::MtaConfig& config, const mta::queue::Detour& detour,
                        const std::string& folder) {
  const auto& conversions = config.conversions();
  edition_ = Edition::whole(text_.size());
  if (conversions.entries().empty()) return {};
  auto mime = mail::parse_mime(text_, kMimeLimits);
  const auto facts = facts_of(mime, detour);
  TRY(auto scratch, ScratchFolder::make(folder, settings_.account));
  folder_.emplace(std::move(scratch));
  if (detour.service) TRY_VOID(run_service(conversions, facts, mime));
  if (!detour.convert || status_ != PartStatus::done) return {};
  if (text_.data() != original_.data()) mime = mail::parse_mime(text_, kMimeLimits);  // the service's
  return run_parts(conversions, facts, mime);
}

bool Converted::goes_on(PartStatus status, const std::string& why) {
  if (status != PartStatus::returned && status != PartStatus::held && status != PartStatus::discarded)
    return true;
  status_ = status;
  why_ = why;
  text_ = original_;
  edition_ = Edition::whole(text_.size());
  return false;
}

Result<> Converted::run_service(const mta::Conversions& conversions, const MessageFacts& facts,
                                const mail::Mime& mime) {
  // The message as a whole: its own type, whatever is in it.
  const auto& root = mime.root();
  ConversionPart whole;
  whole.number = "0";
  whole.type = to_lower(root.type);
  whole.subtype = to_lower(root.subtype);
  whole.description = mail::decoded_text(root.content_description);
  whole.content_type = mail::parse_parameters(root.content_type);
  whole.content_disposition = mail::parse_parameters(root.content_disposition);
  whole.disposition = to_lower(whole.content_disposition.value);
  const auto* entry = mta::form::service_for(conversions, facts, whole);
  if (entry == nullptr) return {};
  PartRunner runner(settings_, *folder_, mime, facts, message_.envelope().queue_id, runs_);
  PartOptions options;
  ++runs_;
  TRY(auto text, runner.run_service(*entry, whole, options));
  if (!goes_on(options.status, options.diagnostic) || text.empty()) return {};
  service_text_ = std::move(text);
  text_ = service_text_;
  edition_ = Edition::whole(text_.size());
  return {};
}

Result<> Converted::run_parts(const mta::Conversions& conversions, const MessageFacts& facts,
                              const mail::Mime& mime) {
  if (mime.limited) {
    (void)goes_on(PartStatus::held, "the message has too many parts, or they are nested too deep");
    return {};
  }
  PartRunner runner(settings_, *folder_, mime, facts, message_.envelope().queue_id, runs_);
  std::map<std::size_t, NewPart> replaced;
  std::set<std::size_t> removed;
  for (const auto& part : mta::form::parts_of(mime)) {
    const auto* entry = mta::form::entry_for(conversions, facts, part);
    if (entry == nullptr) continue;
    if (!entry->has("command")) {
      removed.insert(part.index);
      continue;
    }
    if (++runs_ > limits_.runs) {
      (void)goes_on(PartStatus::held,
                    fmt::format("more than {} of its parts are to be converted", limits_.runs));
      return {};
    }
    TRY(auto result, runner.run(*entry, part));
    if (!goes_on(result.status, result.diagnostic)) return {};
    if (result.status == PartStatus::done) replaced.emplace(part.index, std::move(result.part));
    if (result.status == PartStatus::removed) removed.insert(part.index);
  }
  edition_ = Edition::make(mime, replaced, removed);
  return {};
}

Result<std::string> Converted::next() {
  return edition_.next(text_);
}

}  // namespace waxwing::channels
