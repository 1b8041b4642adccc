<?php
/**
 * As much of WordPress as the plugin touches, over php-curl: its words, not its work.
 * Arguments: the plugin, the service, the key, an image, the alternative text that it has already.
 */

declare(strict_types=1);

[, $plugin, $url, $key, $image, $alt] = $argv;
define('ROTULO_URL', $url);
define('ROTULO_KEY', $key);
$hooks = [];
$meta = $alt === '' ? [] : ['_wp_attachment_image_alt' => $alt];

class WP_Error
{
    public function __construct(private string $message) {}
    public function get_error_message(): string { return $this->message; }
}

function add_action(string $name, callable $do): void { $GLOBALS['hooks'][$name] = $do; }
function wp_attachment_is_image(int $id): bool { return str_starts_with(mime_content_type($GLOBALS['image']), 'image/'); }
function get_attached_file(int $id): string { return $GLOBALS['image']; }
function get_post_meta(int $id, string $key, bool $single): string { return $GLOBALS['meta'][$key] ?? ''; }
function update_post_meta(int $id, string $key, string $value): void { $GLOBALS['meta'][$key] = $value; }
function sanitize_text_field(string $text): string { return trim(strip_tags($text)); }
function sanitize_key(string $text): string { return preg_replace('/[^a-z0-9_-]/', '', strtolower($text)); }
function is_wp_error(mixed $it): bool { return $it instanceof WP_Error; }
function wp_remote_retrieve_body(array $answer): string { return $answer['body']; }
function wp_remote_retrieve_response_code(array $answer): int { return $answer['status']; }

function wp_remote_post(string $url, array $asked): array|WP_Error
{
    $call = curl_init($url);
    $headers = array_map(fn($name) => "$name: {$asked['headers'][$name]}", array_keys($asked['headers']));
    curl_setopt_array($call, [
        CURLOPT_POST => true, CURLOPT_POSTFIELDS => $asked['body'], CURLOPT_HTTPHEADER => $headers,
        CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => $asked['timeout'],
    ]);
    $body = curl_exec($call);
    return $body === false
        ? new WP_Error(curl_error($call))
        : ['body' => $body, 'status' => curl_getinfo($call, CURLINFO_RESPONSE_CODE)];
}

require $plugin;
$hooks['add_attachment'](1);
echo json_encode($meta, JSON_FORCE_OBJECT | JSON_UNESCAPED_UNICODE);
