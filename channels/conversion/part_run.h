// Runs the command of an entry on one part, or a service command on a whole message. Blocks: for a worker.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channels/conversion/edition.h"
#include "channels/conversion/options_file.h"
#include "channels/program/account.h"
#include "channels/program/run_program.h"
#include "mta/form/conversion_part.h"

namespace waxwing::channels {

using mta::form::ConversionPart;
using mta::form::MessageFacts;

// A folder of its own for the files of one message, gone with this. The account may write there.
class ScratchFolder {
 public:
  // below: ROOT/conversion, made when it is missing.
  static Result<ScratchFolder> make(const std::string& below, const Account& account);
  // What programs before this one left.
  static void clean(const std::string& below);
  ScratchFolder(ScratchFolder&&) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }
  Result<> write(std::string_view name, std::string_view bytes) const;

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
  const Account* account_ = nullptr;
};

struct RunSettings {
  Account account;
  unsigned seconds = 120;
  std::size_t output_bytes = 65536;
  std::uint64_t file_bytes = 64 << 20, processes = 100;
};

struct PartResult {
  PartStatus status = PartStatus::unchanged;
  std::string diagnostic;
  NewPart part;
};

class PartRunner {
 public:
  PartRunner(const RunSettings& settings, const ScratchFolder& folder, const mail::Mime& mime,
             const MessageFacts& facts, std::string queue_id, std::size_t runs_before)
      : settings_(settings),
        folder_(folder),
        mime_(mime),
        facts_(facts),
        queue_id_(std::move(queue_id)),
        run_(runs_before) {}

  // Temporary error: the command failed, for the sender and the log; the message is tried again.
  Result<PartResult> run(const mta::ConversionEntry& entry, const ConversionPart& part);
  // The new message, or "" when it stays as it is.
  Result<std::string> run_service(const mta::ConversionEntry& entry, const ConversionPart& root,
                                  PartOptions& options);

 private:
  Result<ProgramOrder> order_for(const mta::ConversionEntry& entry, const ConversionPart& part,
                                 std::string_view command) const;
  Result<> write_input(const mta::ConversionEntry& entry, const ConversionPart& part);
  Result<PartOptions> run_command(const mta::ConversionEntry& entry, const ConversionPart& part,
                                  std::string_view command);
  using Environment = std::vector<std::pair<std::string, std::string>>;
  using Field = std::pair<std::string, std::string>;
  Environment environment(const ConversionPart& part) const;
  static Result<> add_symbols(const mta::ConversionEntry& entry, const ConversionPart& part,
                              Environment& environment);
  Result<> override_fields(const mta::ConversionEntry& entry, bool is_part, std::vector<Field>& fields) const;
  Result<std::vector<Field>> fields_for(const mta::ConversionEntry& entry, const ConversionPart& part,
                                        const PartOptions& options, const std::string& type,
                                        const std::string& subtype) const;
  Result<NewPart> new_part(const mta::ConversionEntry& entry, const ConversionPart& part,
                           const PartOptions& options);
  std::string file(const char* name) const;  // of the part at work

  const RunSettings& settings_;
  const ScratchFolder& folder_;
  const mail::Mime& mime_;
  const MessageFacts& facts_;
  const std::string queue_id_;
  std::size_t run_;  // names the files
};

}  // namespace waxwing::channels
