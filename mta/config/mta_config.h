// MtaConfig: one picture of the whole MTA configuration, never changed after it is made.
//
// `imsimta cnbuild` checks imta.cnf, mappings, aliases and option.dat and publishes them in one step as
// config/built/mta.built; daemons load that, never the texts under the editor's hands. Hold a snapshot by
// shared_ptr for as long as one message or session needs it; a reload swaps the pointer (MtaConfigHolder).
// All const members are thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/base/strings.h"
#include "mta/config/alias_file.h"
#include "mta/config/channel.h"
#include "mta/config/circuits.h"
#include "mta/config/conversions.h"
#include "mta/config/databases.h"
#include "mta/config/delivery_options.h"
#include "mta/config/directory_options.h"
#include "mta/config/header_options.h"
#include "mta/config/mappings.h"
#include "mta/config/mta_options.h"
#include "mta/config/rule_set.h"
#include "mta/config/source.h"

namespace waxwing::mta {

class MtaConfig {
 public:
  // From the published build of the instance. Permanent error with the mend ("run imsimta cnbuild") when
  // there is none, or it is damaged or of another version.
  static Result<std::shared_ptr<const MtaConfig>> load(const std::string& root);
  // From texts: cnbuild and tests. All errors found are in the error text, one a line. root: of the instance
  // whose databases it goes with; "" for none.
  static Result<std::shared_ptr<const MtaConfig>> parse(SourceSet sources, const std::string& root = "");

  const std::vector<Channel>& channels() const { return channels_; }
  const Channel* channel(std::string_view name) const;                   // by name, case-blind
  const Channel* channel_of_host(std::string_view tag_or_host) const;    // by tag or further host name
  const std::string& local_host() const { return local_host_; }          // &/IMTA_HOST/
  const std::string& default_domain() const { return default_domain_; }  // &/IMTA_DEFAULTDOMAIN/
  bool is_local_host(std::string_view host) const;                       // names of channel l, aliases

  const RuleSet& rules() const { return rules_; }
  // DOMAIN_FAILURE, as a rule; null when there is none.
  const RewriteRule* domain_failure() const { return domain_failure_ ? &*domain_failure_ : nullptr; }
  const Mappings& mappings() const { return mappings_; }
  const AliasFile& aliases() const { return aliases_; }
  const Conversions& conversions() const { return conversions_; }
  const std::vector<Circuit>& circuits() const { return circuits_; }
  const Circuit* circuit(std::string_view name) const;  // by name, case-blind; null: there is none
  const std::vector<std::int64_t>& circuit_bins() const { return circuit_bins_; }  // upper ends, in seconds
  const Databases& databases() const { return databases_; }
  const MtaOptions& options() const { return options_; }
  const DeliveryOptions& delivery_options() const { return delivery_options_; }
  const AliasOrder& alias_order() const { return alias_order_; }
  // The texts it was made from: also job_controller.cnf, dispatcher.cnf, conversions and *_option, which
  // their owners parse; "" when the file does not exist.
  std::string_view text(std::string_view file_name) const { return sources_.text(file_name); }
  const SourceSet& sources() const { return sources_; }
  // What a header option file says, parsed; null for one that no channel needs.
  std::shared_ptr<const HeaderOptions> header_options(std::string_view file_name) const;

  // What is legal and probably not meant, one a line: keywords not yet implemented, unknown options...
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::string_view build_id() const { return build_id_; }  // time and checksum of the build; "" from texts
  const std::string& root() const { return root_; }        // of the instance; "" from texts

 private:
  friend class MtaConfigBuilder;
  SourceSet sources_;
  std::vector<Channel> channels_;
  std::unordered_map<std::string, std::size_t, CaseBlindHash, CaseBlindEqual> by_name_, by_host_;
  std::vector<std::string> local_aliases_;
  std::string local_host_, default_domain_, build_id_, root_;
  RuleSet rules_;
  std::optional<RewriteRule> domain_failure_;
  Mappings mappings_;
  AliasFile aliases_;
  Conversions conversions_;
  std::vector<Circuit> circuits_;
  std::vector<std::int64_t> circuit_bins_;
  Databases databases_;
  MtaOptions options_;
  DeliveryOptions delivery_options_;
  AliasOrder alias_order_;
  std::map<std::string, std::shared_ptr<const HeaderOptions>, std::less<>> header_options_;  // by file
  std::vector<std::string> warnings_;
};

// The newest snapshot, for a daemon. Thread-safe.
class MtaConfigHolder {
 public:
  static Result<std::shared_ptr<MtaConfigHolder>> open(const std::string& root);
  std::shared_ptr<const MtaConfig> current() const;
  // Loads the published build and the databases again; on error the old snapshot stays. True when one of them
  // is another.
  Result<bool> reload();

 private:
  std::string root_;
  mutable std::mutex mutex_;
  std::shared_ptr<const MtaConfig> current_;
};

// Reads ROOT/config and msg.conf's host and domain into a SourceSet.
Result<SourceSet> read_sources(const std::string& root);
// Durably and in one step. Answers the build id. Only for sources that parse() took.
Result<std::string> publish_build(const std::string& root, const SourceSet& sources);

}  // namespace waxwing::mta
